"""HTML and SVG as trees (pure). The standard library's serialiser escapes whatever is text, so no text is ever markup."""

from xml.etree.ElementTree import Element, tostring

Child = Element | str | None
_NOT_TEXT = {code: "\ufffd" for code in range(32) if chr(code) not in "\t\n\r"} | {127: "\ufffd"}


def make(tag: str, *children: Child, **attributes: object) -> Element:
    """An element. Of an attribute's name a trailing underscore is dropped, others become hyphens; ``None`` leaves it out."""
    element = Element(
        tag,
        {name.rstrip("_").replace("_", "-"): _clean(_number(value)) for name, value in attributes.items() if value is not None},
    )
    last: Element | None = None
    for child in children:
        if isinstance(child, Element):
            element.append(child)
            last = child
        elif child is not None and last is None:
            element.text = (element.text or "") + _clean(child)
        elif child is not None and last is not None:
            last.tail = (last.tail or "") + _clean(child)
    return element


def document(head: Element, body: Element) -> str:
    """A whole HTML page."""
    return "<!doctype html>\n" + tostring(make("html", head, body, lang="en"), encoding="unicode", method="html") + "\n"


def picture(width: float, height: float, sentence: str, *children: Child, class_: str = "plot") -> Element:
    """An SVG picture that scales with its place; ``sentence`` is what a screen reader says of it."""
    return make(
        "svg",
        *children,
        viewBox=f"0 0 {width:g} {height:g}",
        role="img",
        aria_label=sentence,
        class_=class_,
    )


def _number(value: object) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def _clean(text: str) -> str:
    """Without characters that no document may hold."""
    return text.translate(_NOT_TEXT).encode("utf-8", "replace").decode()
