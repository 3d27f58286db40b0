"""Looks at a report as readers do: python Scripts/oracle/check_report.py report.html [--screenshots FOLDER]

Without a page, makes one with the built tool from short trainings on the embedded drawings. Then

* html5lib reads it strictly, as the HTML standard says, and finds no error;
* headless Chromium (the system's: `apt install chromium`) shows it at 390 and 1,280 pixels, by day and by night, with every
  part opened: nothing is asked of the network, nothing is written to the console, the page never scrolls sideways;
* axe-core finds nothing that would keep anybody from reading it, contrasts among that.
"""
import argparse
import pathlib
import shutil
import subprocess
import sys
import tempfile

import html5lib
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright
from protocol import ROOT

TOOL = ROOT / ".build/release/cocoop"
WIDTHS = {390: 844, 1280: 900}
BROWSERS = ["chromium", "chromium-browser", "google-chrome"]


def example(place: pathlib.Path) -> pathlib.Path:
    """A page of three methods, two seeds and three numbers of shots."""
    training = ["--data", "openclipart", "--classes", "base", "--image-views", "1", "--threads", "2", "--quiet"]

    def cocoop(*arguments):
        subprocess.run([TOOL, *map(str, arguments)], check=True, cwd=place, stdout=subprocess.DEVNULL)

    cocoop("train", "--method", "zero-shot", "--output", "runs/zero-shot", *training)
    for method, epochs in [("coop", 20), ("cocoop", 3)]:
        for seed in [1, 2]:
            cocoop("train", "--method", method, "--epochs", epochs, "--seed", seed, "--output", f"runs/{method}-{seed}", *training)
    for shots in [1, 4]:
        cocoop("train", "--method", "cocoop", "--epochs", 3, "--shots", shots, "--output", f"runs/cocoop-shots{shots}", *training)
    cocoop("report", "runs", "--output", "report.html", "--quiet")
    return place / "report.html"


def check_markup(page: pathlib.Path):
    parser = html5lib.HTMLParser(strict=True)
    parser.parse(page.read_text(encoding="utf-8"))
    print(f"{page.name}: {page.stat().st_size:,} bytes, no error of HTML")


def check_in_browser(page: pathlib.Path, screenshots: pathlib.Path | None) -> int:
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    assert executable, "no Chromium: apt install chromium"
    faults = 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        for width, height in WIDTHS.items():
            for scheme in ["light", "dark"]:
                for state in ["first", "open"]:
                    found = look(browser, page, width, height, scheme, state, screenshots)
                    faults += len(found)
                    print(f"{width} px, {scheme}, {state}: " + ("; ".join(found) or "nothing to complain of"))
        browser.close()
    return faults


def look(browser, page, width, height, scheme, state, screenshots) -> list[str]:
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, offline=True, bypass_csp=True
    )
    tab = context.new_page()
    found = []
    tab.on("console", lambda message: found.append(f"console: {message.text}"))
    tab.on("pageerror", lambda error: found.append(f"error: {error}"))
    own = page.resolve().as_uri()
    tab.on("request", lambda request: None if request.url.startswith((own, "data:")) else found.append(f"asks for {request.url}"))
    tab.goto(own)
    if state == "open":
        tab.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
    overflow = tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    if overflow > 0:
        wide = tab.evaluate(
            """() => [...document.querySelectorAll('body *')].filter(e => !e.closest('.scroll')
                && e.getBoundingClientRect().right > document.documentElement.clientWidth + 0.5)
                .slice(0, 3).map(e => e.tagName + '.' + (e.getAttribute('class') || ''))"""
        )
        found.append(f"scrolls sideways by {overflow} px: {wide}")
    for violation in Axe().run(tab).response["violations"]:
        nodes = violation["nodes"]
        found.append(f"axe: {violation['id']} ({violation['impact']}) {len(nodes)} times, such as {nodes[0]['target']}: "
                     + nodes[0]["failureSummary"].replace("\n", " ")[:200])
    if screenshots:
        screenshots.mkdir(parents=True, exist_ok=True)
        tab.screenshot(path=screenshots / f"{width}-{scheme}-{state}.png", full_page=True)
    context.close()
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("page", nargs="?", type=pathlib.Path)
    parser.add_argument("--screenshots", type=pathlib.Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        page = arguments.page or example(pathlib.Path(place))
        check_markup(page)
        faults = check_in_browser(page, arguments.screenshots)
    sys.exit(f"{faults} faults" if faults else 0)


if __name__ == "__main__":
    main()
