"""Finance's application: what an amount becomes."""

import panel as pn

amount = pn.widgets.IntSlider(name="Amount", start=0, end=100, value=10)


def with_tax(value):
    """Give an amount with tax."""
    return f"With tax: {value * 1.2:.2f} €"


pn.Column("# Finance", amount, pn.bind(with_tax, amount)).servable(title="Finance")
