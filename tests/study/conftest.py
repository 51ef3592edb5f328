"""The browser, for all tests of studies."""

from tests.browser import browser as browser
from tests.browser import new_page as new_page
from tests.browser import page as page
