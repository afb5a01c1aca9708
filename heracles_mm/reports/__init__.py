"""What a test says about a model, as one HTML page: by class, by confusion, picture by picture."""

from heracles_mm.reports.collecting import ReportMetric
from heracles_mm.reports.report_page import check_report_path, write_report

__all__ = ['ReportMetric', 'check_report_path', 'write_report']
