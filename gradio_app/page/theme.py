"""The page's colours and type: paper and ink, one warm accent, fonts of the reader's own system."""

from gradio.themes.base import Base
from gradio.themes.utils import colors, sizes

_SYSTEM = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "sans-serif")
_MONOSPACE = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")

#: A muted terracotta, as in hand-coloured prints.
_ACCENT = colors.Color(
    c50="#fdf5f0",
    c100="#fae7dc",
    c200="#f4cdb7",
    c300="#ebab8a",
    c400="#de8459",
    c500="#c9663a",
    c600="#b3542b",
    c700="#914223",
    c800="#743620",
    c900="#5f2e1d",
    c950="#35170e",
)

THEME = Base(
    primary_hue=_ACCENT,
    secondary_hue=colors.stone,
    neutral_hue=colors.stone,
    text_size=sizes.text_md,
    radius_size=sizes.radius_md,
    spacing_size=sizes.spacing_lg,
    font=_SYSTEM,
    font_mono=_MONOSPACE,
).set(
    body_background_fill="#faf8f5",
    body_background_fill_dark="#161412",
    body_text_color_subdued="#5d5751",
    body_text_color_subdued_dark="#b5ada5",
    block_info_text_color="#5d5751",
    block_info_text_color_dark="#b5ada5",
    block_background_fill="#ffffff",
    block_background_fill_dark="#1f1c19",
    block_border_color="#e9e4dd",
    block_border_color_dark="#35302b",
    block_label_background_fill="transparent",
    block_label_background_fill_dark="transparent",
    block_label_border_width="0px",
    block_shadow="none",
    block_title_text_weight="500",
    button_primary_background_fill="*primary_600",
    button_primary_background_fill_hover="*primary_700",
    button_primary_background_fill_dark="*primary_600",
    button_primary_background_fill_hover_dark="*primary_500",
    button_primary_text_color="#ffffff",
    button_primary_text_color_dark="#ffffff",
    slider_color="*primary_600",
    slider_color_dark="*primary_400",
)
