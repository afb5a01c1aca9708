"""A CSV is read as it is, or refused in one sentence that names the line and the column."""

import os
import re

import numpy as np
import pytest
from made_series import HOUR, times_of, walks, write_csv

from heracles_mm.errors import DataError
from heracles_mm.forecasting import read_series
from heracles_mm.forecasting.steps import as_text, rows_per_day, times_after


def test_values_times_and_step_are_those_of_the_file(tmp_path):
    values = walks(50)
    series = read_series(write_csv(tmp_path / 'a.csv', values))
    np.testing.assert_array_equal(series.values, values)
    np.testing.assert_array_equal(series.times, times_of(50))
    assert series.columns == ('s0', 's1', 's2')
    assert series.step == HOUR


def test_columns_are_chosen_in_their_order_and_a_byte_order_mark_is_none(tmp_path):
    path = write_csv(tmp_path / 'a.csv', walks(5))
    path.write_bytes(b'\xef\xbb\xbf' + path.read_bytes())
    series = read_series(path, columns=['s2', 's0'])
    np.testing.assert_array_equal(series.values, walks(5)[:, [2, 0]])


def test_a_file_that_changed_is_read_again(tmp_path):
    path = write_csv(tmp_path / 'a.csv', walks(5))
    first = read_series(path)
    assert read_series(path) is first
    write_csv(path, walks(5) + 1)
    os.utime(path, ns=(1, 1))  # however coarse the clock of the disk is
    assert read_series(path).values[0, 0] == first.values[0, 0] + 1


def test_blanks_around_names_and_cells_are_none_of_theirs(tmp_path):
    path = write_csv(tmp_path / 'a.csv', walks(5))
    plain = read_series(path)
    path.write_text(path.read_text().replace(',', ' , '))
    os.utime(path, ns=(1, 1))
    assert read_series(path).columns == plain.columns
    np.testing.assert_array_equal(read_series(path).values, plain.values)


def test_a_column_without_a_name_may_be_left_out(tmp_path):
    path = write_csv(tmp_path / 'a.csv', walks(5), ['', 'a', 'b'])
    assert read_series(path, columns=['b']).columns == ('b',)


LAYOUTS = {
    'ETTm1': (np.timedelta64(900, 's'), '2016-07-01 00:00:00', ['HUFL', 'HULL', 'OT']),
    'Electricity': (HOUR, '2016-07-01 02:00:00', ['0', '1', '319', 'OT']),
    'Traffic': (HOUR, '2016-07-01 02:00:00', ['0', '1', '860', 'OT']),
    'Weather': (np.timedelta64(600, 's'), '2020-01-01 00:10:00', ['p (mbar)', 'T (degC)', 'OT']),
}
"""Public file -> its step, first time and some of its columns."""


@pytest.mark.parametrize('name', LAYOUTS)
def test_the_public_files_layouts_are_read(name, tmp_path):
    step, begin, columns = LAYOUTS[name]
    times = times_of(40, step, begin)
    path = write_csv(tmp_path / f'{name}.csv', walks(40, len(columns)), columns, times)
    series = read_series(path)
    assert (series.step, series.columns) == (step, tuple(columns))
    assert series.times[0] == np.datetime64(begin)


def test_rows_are_steps_where_the_user_says_so(tmp_path):
    """Weather's public file misses 8 of the rows of its year."""
    times = np.delete(times_of(40), [7, 8, 30])
    path = write_csv(tmp_path / 'a.csv', walks(37), times=times)
    series = read_series(path, regular=False)
    assert len(series.values) == 37
    assert series.step == HOUR


MONTHS = np.arange('2019-11', '2021-05', dtype='datetime64[M]')


@pytest.mark.parametrize(
    'days',
    [
        MONTHS.astype('datetime64[D]'),
        MONTHS.astype('datetime64[D]') + 14,
        (MONTHS + 1).astype('datetime64[D]') - 1,  # the last of each
    ],
    ids=['first', 'middle', 'last'],
)
def test_calendar_months_are_a_step_and_go_on(days, tmp_path):
    """28 to 31 days apart, and still regular; what follows is the same day of the next months."""
    path = write_csv(tmp_path / 'a.csv', walks(12), times=days[:12])
    series = read_series(path)
    assert series.step == np.timedelta64(1, 'M')
    np.testing.assert_array_equal(times_after(series.times, series.step, 6), days[12:])


CLOCKS = {
    'hours, one offset': '01-01 14+09 01-01 15+09 01-01 16+09 01-01 17+09',
    'hours, clocks go on': '03-31 00+01 03-31 01+01 03-31 03+02 03-31 04+02',
    'hours, clocks go back': '10-27 01+02 10-27 02+02 10-27 02+01 10-27 03+01',
    'local days': '03-29 00+01 03-30 00+01 03-31 00+01 04-01 00+02 04-02 00+02',
    'local weeks': '03-17 00+01 03-24 00+01 03-31 00+01 04-07 00+02 04-14 00+02',
    'local months': '02-01 00+01 03-01 00+01 04-01 00+02 05-01 00+02 06-01 00+02',
}
"""Times of 2024 by the clock, with the hours of their offsets."""


@pytest.mark.parametrize('case', CLOCKS)
def test_times_with_offsets_are_regular_by_one_clock_and_go_on_with_it(case, tmp_path):
    """Hours are one apart in UTC, and local days by the clock, whatever the clocks did."""
    words = CLOCKS[case].split()
    pairs = zip(words[::2], words[1::2], strict=True)
    *texts, following = [f'2024-{day} {hour[:2]}:00:00{hour[2:]}:00' for day, hour in pairs]
    path = tmp_path / 'a.csv'
    path.write_text('\n'.join(['date,a', *(f'{text},{row}' for row, text in enumerate(texts))]))
    series = read_series(path)
    assert as_text(series.times[-1], series.zone) == texts[-1]
    (after,) = times_after(series.times, series.step, 1)
    assert as_text(after, series.zone) == following


def test_business_days_go_on_on_business_days():
    days = np.arange('2024-01-01', '2024-03-01', dtype='datetime64[D]')
    days = days[np.is_busday(days)].astype('datetime64[s]')
    np.testing.assert_array_equal(
        times_after(days[:20], np.timedelta64(86400, 's'), 8), days[20:28]
    )


def test_five_days_of_a_week_are_followed_by_its_weekend():
    days = times_of(7, 24 * HOUR, '2024-01-01')
    np.testing.assert_array_equal(times_after(days[:5], 24 * HOUR, 2), days[5:])


def test_what_follows_a_regular_series_goes_on_with_its_step():
    times = times_of(30)
    np.testing.assert_array_equal(times_after(times[:20], HOUR, 10), times[20:])


@pytest.mark.parametrize(
    ('step', 'rows'),
    [
        (HOUR, 24),
        (np.timedelta64(600, 's'), 144),
        (np.timedelta64(7 * 86400, 's'), 1),
        (np.timedelta64(1, 'M'), 1),
        (np.timedelta64(5 * 3600, 's'), 1),
    ],
)
def test_rows_of_a_day(step, rows):
    assert rows_per_day(step) == rows


FAULTS = {
    'no value': ('2016-07-01 03:00:00,1,', "line 5 of .* has no value of 'b': fill it"),
    'a word for it': ('2016-07-01 03:00:00,1,NaN', "line 5 of .* has no value of 'b'"),
    'text': ('2016-07-01 03:00:00,1,sunny', "has 'sunny' for 'b', which is no finite number"),
    'infinity': ('2016-07-01 03:00:00,inf,1', "has 'inf' for 'a', which is no finite number"),
    'an underscore': ('2016-07-01 03:00:00,1_000,1', "has '1_000' for 'a', which is no finite"),
    'a part of a second': ('2016-07-01 03:00:00.5,1,2', 'has the time .*, in whole seconds'),
    'an offset': (
        '2016-07-01 03:00:00+02:00,1,2',
        'write all times with an offset to UTC, or none',
    ),
    'no time': ('01/07/2016,1,2', "line 5 of .* has the time '01/07/2016': write it as"),
    'unsorted': (
        '2016-06-30T03,1,2',
        r'\(2016-06-30T03\) is earlier than the row before it: sort the rows',
    ),
    'repeated': ('2016-07-01 02:00:00,1,2', 'has the time of the row before it: keep one row'),
    'irregular': ('2016-07-01 05:00:00,1,2', '3:00:00 after the row before it, and rows are 1:00'),
    'a cell too few': ('2016-07-01 03:00:00,1', 'line 5 of .* has 2 cells and the header 3'),
}


@pytest.mark.parametrize('fault', FAULTS)
def test_a_faulty_row_is_named(fault, tmp_path):
    line, message = FAULTS[fault]
    path = tmp_path / 'a.csv'
    good = [f'2016-07-01 0{hour}:00:00,{hour},{-hour}' for hour in range(3)]
    path.write_text('\n'.join(['date,a,b', *good, line]))
    with pytest.raises(DataError, match=message) as caught:
        read_series(path)
    assert '\n' not in str(caught.value)


FILES = {
    'other delimiter': ('date;a\n2016-07-01;1', "no column 'date' .*'date;a'"),
    'the index of pandas': (',date,a\n0,2016-07-01,1', 'without a name .*to_csv.index=False'),
    'commas at the ends': ('date,a,\n2016-07-01,1,', 'has a column without a name'),
    'two of a name': ('date,a,a\n2016-07-01,1,2', 'one name each'),
    'times alone': ('date\n2016-07-01\n2016-07-02', 'and has or is asked for none'),
    'no rows': ('date,a\n', 'has 0 rows below its header'),
    'empty': ('', "no column 'date'"),
}


@pytest.mark.parametrize('case', FILES)
def test_a_file_of_another_form_is_refused(case, tmp_path):
    content, message = FILES[case]
    path = tmp_path / 'a.csv'
    path.write_text(content)
    with pytest.raises(DataError, match=message):
        read_series(path)


def test_what_is_no_text_or_not_there_is_refused(tmp_path):
    (tmp_path / 'a.csv').write_bytes(b'date,a\n\xff\xfe,1')
    with pytest.raises(DataError, match='is no CSV in UTF-8'):
        read_series(tmp_path / 'a.csv')
    with pytest.raises(DataError, match=re.escape('absent.csv cannot be read: No such file')):
        read_series(tmp_path / 'absent.csv')


def test_a_column_that_is_not_there_is_refused(tmp_path):
    path = write_csv(tmp_path / 'a.csv', walks(5))
    with pytest.raises(DataError, match="no column 'OT'"):
        read_series(path, columns=['OT'])
    with pytest.raises(DataError, match="no column 'time'"):
        read_series(path, date='time')
