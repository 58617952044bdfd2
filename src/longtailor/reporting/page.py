"""Pages that are one file each and open without a network."""

from __future__ import annotations

import base64
import io
import math
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NO_FIGURE = "–"
"""What a page shows where there is no figure to show."""

# A drawing with one of them, say in the name of a label, would not be shown at all.
_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def render(template: str, **values: Any) -> str:
    """Fill a template of `reporting/templates`; every value is escaped.

    Templates extend `page.html`, which carries the style, and fill its blocks `title` and
    `content`. The filters `count` (1,234), `number` (0.123; `number(1)` gives one decimal) and
    `percent` (12 %) write a dash for None and NaN; `signed` is `number` with its sign, +0.012.
    `breakable` lets a name such as `effective_number:beta=0.999` be broken where its parts meet.

    Raises
    ------
    jinja2.UndefinedError
        If the template uses a value that is not given.
    """
    return _environment().get_template(template).render(**values)


def figure_data_uri(figure: Figure) -> str:
    """Draw a Matplotlib figure as SVG and give it as a `data:` address for `<img src>`.

    Letters stay letters, so a reader's browser finds glyphs of any script. No dates or random
    ids are written.
    """
    import matplotlib as mpl

    content = io.BytesIO()
    with any_script(), mpl.rc_context({"svg.hashsalt": "longtailor", "svg.fonttype": "none"}):
        figure.savefig(content, format="svg", metadata={"Date": None})
    drawing = _NOT_IN_XML.sub("\ufffd", content.getvalue().decode())
    return "data:image/svg+xml;base64," + base64.b64encode(drawing.encode()).decode()


@contextmanager
def any_script() -> Iterator[None]:
    """Draw letters that Matplotlib's own font lacks without a warning for each.

    In SVG the reader's browser finds them; in PNG they are boxes.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("longtailor.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    assert environment.loader is not None
    style, _, _ = environment.loader.get_source(environment, "style.css")
    environment.globals["style"] = Markup(style)  # nosec B704
    environment.filters["count"] = _count
    environment.filters["number"] = _number
    environment.filters["percent"] = _percent
    environment.filters["signed"] = _signed
    environment.filters["breakable"] = _breakable
    return environment


def _count(value: int | None) -> str:
    return NO_FIGURE if value is None else f"{value:,}"


def _number(value: float | None, decimals: int = 3) -> str:
    if value is None or math.isnan(value):
        return NO_FIGURE
    return f"{value:,.{decimals}f}".replace("-", "−")


def _signed(value: float | None, decimals: int = 3) -> str:
    if value is None or math.isnan(value):
        return NO_FIGURE
    # A minus sign is as wide as a plus, a hyphen is not; and there is no -0.
    return f"{round(value, decimals) + 0.0:+,.{decimals}f}".replace("-", "−")


def _percent(value: float | None) -> str:
    if value is None or math.isnan(value):
        return NO_FIGURE
    return f"{value:.0%}".replace("%", " %")


def _breakable(name: str) -> Markup:
    # None of these is in a character reference such as &lt; or &#34;.
    return Markup(re.sub(r"([_:,=+])", r"\1<wbr>", str(escape(name))))  # nosec B704
