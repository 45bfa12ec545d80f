"""Science's application: a square."""

import panel as pn

number = pn.widgets.IntSlider(name="Number", start=0, end=100, value=10)


def square(value):
    """Give a number times itself."""
    return f"Square: {value * value}"


pn.Column("# Science", number, pn.bind(square, number)).servable(title="Science")
