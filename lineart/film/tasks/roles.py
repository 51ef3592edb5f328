"""Roles of the pictures that give a frame its colours, among its inputs."""

KEY, KEY_LINE, HINT_KEY = "key", "key_line", "hint_key"
"""Roles among the inputs of a frame: a key, the drawing of a key, and a hint that is carried."""
SHEET, LINED_SHEET, SHEET_LINE = "sheet", "lined_sheet", "sheet_line"
"""Roles of a colour sheet: one without a line drawing, one with it, and that drawing."""
ADJACENT = "adjacent"
"""Role of a drawing just before or after, which votes on the colours."""
COLORED = (KEY, SHEET, LINED_SHEET)
"""Roles of pictures that give colours to whole drawings."""
