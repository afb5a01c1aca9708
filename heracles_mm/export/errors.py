"""What a user of the exports can put right."""


class ExportError(Exception):
    """An export cannot be made or is refused; the message is one sentence for the user."""
