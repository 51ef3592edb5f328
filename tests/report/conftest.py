"""A browser for the tests of pages."""

from tests.browser import browser, new_page, page

__all__ = ["browser", "new_page", "page"]
