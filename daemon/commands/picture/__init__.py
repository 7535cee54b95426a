"""`depotd plan --html`: a plan drawn as one HTML file that wants nothing from outside.

`page(snapshot, plan)` is a pure function to text. Everything it writes goes through `markup.tag`,
which escapes whatever is not markup already, and the page forbids scripts and outside assets to
itself. Colours and type are the live page's, whose stylesheet it carries.
"""

from daemon.commands.picture.page import page

__all__ = ["page"]
