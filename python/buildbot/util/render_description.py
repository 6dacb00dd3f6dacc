"""Descriptions of builders and projects as HTML."""


def render_description(description, format):
    """HTML made from Markdown; None without a format."""
    if format is None:
        return None
    if format == "markdown":
        import markdown

        return markdown.markdown(description)
    raise RuntimeError(f"Unsupported description format {format}")
