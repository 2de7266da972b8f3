"""Files of any size as rows of text: paging, following, searching. Nothing here knows a widget."""
