"""Make the README's pictures from the program itself, light and dark: the demo as an SVG that moves, the page as a PNG.

    python scripts/pictures.py            write them to docs/pictures/

It plays `po-mcp demo` into a recording console, and opens an approval page of the sandbox in the system's chromium.
"""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

import anyio
from mcp import Client
from playwright.async_api import async_playwright
from rich.console import Console
from rich.terminal_theme import TerminalTheme

from po_mcp.bootstrap import build_server
from po_mcp.commands.demo import Stage, play
from po_mcp.config import Settings

FOLDER = Path(__file__).parent.parent / "docs" / "pictures"
CHROMIUM = "/usr/bin/chromium"
COLUMNS, ROWS = 80, 24
SECONDS_PER_SCENE = 4
_LETTER_WIDTH, _LINE_HEIGHT = 12.2, 24.4  # rich's, for its size of letters
_MARGIN = 16

DARK = TerminalTheme(
    (13, 17, 23),
    (230, 237, 243),
    [
        (72, 79, 88),
        (255, 123, 114),
        (63, 185, 80),
        (210, 153, 34),
        (88, 166, 255),
        (188, 140, 255),
        (57, 197, 207),
        (177, 186, 196),
    ],
)
LIGHT = TerminalTheme(
    (255, 255, 255),
    (31, 35, 40),
    [
        (36, 41, 47),
        (207, 34, 46),
        (17, 99, 41),
        (128, 85, 0),
        (9, 105, 218),
        (130, 80, 223),
        (27, 124, 131),
        (110, 119, 129),
    ],
)
_SVG = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 VIEW HEIGHT" role="img" aria-label="po-mcp demo">
<style>
text {{ font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: 20px; \
white-space: pre }}
.scroll {{ animation: scroll SECONDSs infinite; transform: translateY(-RESTpx) }}
@keyframes scroll {{ KEYFRAMES }}
@media (prefers-reduced-motion: reduce) {{ .scroll {{ animation: none }} }}
{styles}
</style>
<clipPath id="window"><rect width="VIEW" height="HEIGHT"/></clipPath>
<rect x="1" y="1" width="WIDTH" height="FRAME" rx="10" fill="BACKGROUND" stroke="#8b949e" stroke-opacity="0.5"/>
<g clip-path="url(#window)"><g transform="translate(MARGIN, 8)"><g class="scroll">{backgrounds}{matrix}</g></g></g>
</svg>
"""


class Recording(Stage):
    """The demo's stage without its last lines, which tell the seconds that it took on this machine."""

    def show_end(self) -> None:
        """Print nothing."""


async def record_demo() -> Console:
    """Play the demo, and return the console that recorded it."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, highlight=False)
    stage = Recording(console, 0.0)
    await play(stage, "2026-07-28")
    if not stage.is_as_expected:
        raise SystemExit("The demo did not go as its story has it.")
    return console


def draw(console: Console, theme: TerminalTheme) -> str:
    """Return what the console recorded as an SVG that scrolls from scene to scene."""
    lines = console.export_text(clear=False).splitlines()
    starts = [number for number, line in enumerate(lines) if line.startswith("Buyer")]
    ends = [*(start - 1 for start in starts[1:]), len(lines)]
    offsets = [max(0, end - ROWS) * _LINE_HEIGHT for end in ends]
    svg = console.export_svg(theme=theme, code_format=_SVG, unique_id="t", clear=False)
    svg = re.sub(r' clip-path="url\(#t-line-\d+\)"', "", svg)
    height = ROWS * _LINE_HEIGHT + 20
    width = COLUMNS * _LETTER_WIDTH + 2 * _MARGIN
    rest = next(offset for offset, start in zip(offsets, starts, strict=True) if "Delete order 38" in lines[start])
    filled = {
        "VIEW": f"{width:.0f}",
        "HEIGHT": f"{height:.0f}",
        "WIDTH": f"{width - 2:.0f}",
        "FRAME": f"{height - 2:.0f}",
        "SECONDS": str(len(offsets) * SECONDS_PER_SCENE),
        "KEYFRAMES": _keyframes(offsets),
        "REST": f"{rest:.1f}",
        "BACKGROUND": theme.background_color.hex,
        "MARGIN": str(_MARGIN),
    }
    return re.sub("|".join(filled), lambda found: filled[found[0]], svg)


def _keyframes(offsets: list[float]) -> str:
    """Return keyframes that hold each offset, in pixels, for nine tenths of its scene and then scroll to the next."""
    share = 100 / len(offsets)
    stops = []
    for number, offset in enumerate(offsets):
        begin, end = number * share, number * share + share * 0.9
        stops.append(f"{begin:.2f}%, {end:.2f}% {{ transform: translateY({-offset:.1f}px) }}")
    return " ".join([*stops, f"100% {{ transform: translateY({-offsets[-1]:.1f}px) }}"])


async def photograph_page(folder: Path) -> None:
    """Ask for a close in the sandbox, and photograph the page that it waits on."""
    settings = Settings(sandbox=":memory:", journal=":memory:", approval="page", time_zone="UTC")
    async with Client(build_server(settings)) as client, async_playwright() as playwright:
        asked = await client.call_tool("finalize_purchase_order", {"number": "PO-2025-0037"})
        assert asked.structured_content is not None
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--headless"])
        for scheme in ("light", "dark"):
            page = await browser.new_page(
                color_scheme="dark" if scheme == "dark" else "light",
                viewport={"width": 900, "height": 600},
            )
            await page.goto(asked.structured_content["approve_at"])
            buttons = await page.get_by_role("button").last.bounding_box()
            assert buttons is not None
            height = buttons["y"] + buttons["height"] + 28
            await page.screenshot(
                path=folder / f"page-{scheme}.png",
                full_page=True,
                clip={"x": 0, "y": 0, "width": 900, "height": height},
            )
        await browser.close()


async def main() -> None:
    """Write the four pictures."""
    FOLDER.mkdir(exist_ok=True)
    console = await record_demo()
    for name, theme in (("light", LIGHT), ("dark", DARK)):
        (FOLDER / f"demo-{name}.svg").write_text(draw(console, theme), encoding="utf-8")
    await photograph_page(FOLDER)
    for picture in sorted(FOLDER.iterdir()):
        sys.stdout.write(f"{picture.stat().st_size:>8,} bytes  {picture.name}\n")


if __name__ == "__main__":
    anyio.run(main)
