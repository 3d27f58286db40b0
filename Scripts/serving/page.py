"""Uses the page of `cocoop serve` as a person does, in headless Chromium: clicks, files, drops, pastes, typing, keys.

    page.py [--screenshots FOLDER]

axe-core looks at every state of it, on a phone and on a desk, light and dark: it finds nothing that would keep anybody
from using it, contrasts among that. Needs a Chromium on the PATH.
"""
import argparse
import base64
import shutil
import tempfile
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect, sync_playwright

from support import DRAWINGS, Server, quick_run

BIRD, CLOCK = DRAWINGS / "bird/005.jpg", DRAWINGS / "clock/005.jpg"
CLASSES = 14  # of the run
SIZES = {"phone": (390, 844), "desk": (1280, 900)}

# Puts a file where a person would drop or paste it.
HAND_OVER = """([kind, name, content]) => {
  const bytes = Uint8Array.from(atob(content), (c) => c.charCodeAt(0));
  const data = new DataTransfer();
  data.items.add(new File([bytes], name, { type: "image/jpeg" }));
  const target = document.body;
  if (kind === "paste") target.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true }));
  else for (const type of ["dragover", "drop"])
    target.dispatchEvent(new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }));
}"""


def watched(context, port):
    """A page that notes every error, and every request that leaves the server."""
    page = context.new_page()
    page.faults = []
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.on("console", lambda message: message.type == "error" and page.faults.append(message.text))
    page.on("request", lambda r: r.url.startswith((f"http://127.0.0.1:{port}/", "blob:")) or page.faults.append(r.url))
    page.goto(f"http://127.0.0.1:{port}/")
    expect(page.locator("#run")).to_contain_text("cocoop on tiny-clip")
    return page


def answered(page, rows):
    """As many rows as classes; more than eight are there to be opened."""
    expect(page.locator("#run-bars li")).to_have_count(rows)
    expect(page.locator("#zero-bars li")).to_have_count(rows)
    expect(page.locator("article.waiting")).to_have_count(0)


def journey(page):
    expect(page.locator("#classes")).to_have_value(lambda_classes)
    # A real file, by the picker.
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose photos").click()
    chooser.value.set_files([BIRD, CLOCK])
    answered(page, CLASSES)
    expect(page.locator("#own button")).to_have_count(2)
    first = page.locator("#run-verdict").inner_text()
    opened(page)
    # The second photo.
    page.locator("#own button").nth(1).click()
    answered(page, CLASSES)
    # Typing: the answers follow, and only the last counts.
    page.locator("#classes").fill("")
    expect(page.locator("#classes-problem")).to_have_text("Name at least one class.")
    page.locator("#classes").press_sequentially("clock\nbird, wall_clock\n", delay=30)
    answered(page, 3)
    expect(page.locator("#run-bars .name")).to_contain_text(["clock"])
    expect(page.locator("#count")).to_have_text("3 classes")
    shares = [float(t.rstrip(" %")) for t in page.locator("#run-bars .share").all_inner_texts()]
    assert abs(sum(shares) - 100) < 0.3, shares
    # Names that no prompt can hold are told as such.
    page.locator("#classes").fill("cat\n" + "word " * 39)
    page.wait_for_timeout(400)
    page.locator("#classes").fill("cat\n" + "x" * 300)
    expect(page.locator("#classes-problem")).to_contain_text("more than 200 characters")
    page.get_by_role("button", name="The run’s own classes").click()
    answered(page, CLASSES)
    # A drop, then a paste.
    for count, kind in ((3, "drop"), (4, "paste")):
        page.evaluate(HAND_OVER, [kind, "x.jpg", base64.b64encode(BIRD.read_bytes()).decode()])
        expect(page.locator("#own button")).to_have_count(count)
        answered(page, CLASSES)
        assert page.locator("#run-verdict").inner_text() == first
    # A file that is no photo.
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose photos").click()
    chooser.value.set_files({"name": "broken.jpg", "mimeType": "image/jpeg", "buffer": b"\xff\xd8\xff broken"})
    expect(page.locator("#problem")).to_contain_text("JPEG")
    page.get_by_role("button", name="Remove").click()
    answered(page, CLASSES)
    expect(page.locator("#problem")).to_be_hidden()
    page.faults[:] = [f for f in page.faults if "422" not in f]  # which the browser logs by itself


def opened(page):
    """The classes below the likeliest eight, opened in both cards at once and closed again."""
    shown = page.locator("#run-bars li:visible")
    expect(shown).to_have_count(8)
    page.locator("#run-more").click()
    expect(shown).to_have_count(CLASSES)
    expect(page.locator("#zero-bars li:visible")).to_have_count(CLASSES)
    expect(page.locator("#zero-more")).to_have_text("Show fewer")
    page.locator("#zero-more").click()
    expect(shown).to_have_count(8)
    expect(page.locator("#run-more")).to_have_text(f"{CLASSES - 8} more")


def in_view(page):
    """A photo chosen below the answers brings them into view."""
    page.locator("#examples button").last.scroll_into_view_if_needed()
    page.locator("#examples button").last.click()
    answered(page, CLASSES)
    for part in ("#shown", "#run-verdict", "#zero-verdict"):
        expect(page.locator(part)).to_be_in_viewport(ratio=0.9)


def switch(page):
    """Fast answers and back, by clicks and by keys; the answer itself says which it is."""
    fast, exact = page.get_by_role("radio", name="Fast"), page.get_by_role("radio", name="Exact")
    expect(exact).to_be_checked()
    expect(page.locator("#fast-note")).to_be_hidden()

    def press(action, mode):
        with page.expect_response(lambda r: "/v1/classify" in r.url and r.json()["model"] == "run") as response:
            action()
        assert response.value.json()["mode"] == mode, response.value.json()
        answered(page, CLASSES)
    verdict = page.locator("#run-verdict").inner_text()
    press(lambda: page.get_by_text("Fast", exact=True).click(), "fast")
    expect(fast).to_be_checked()
    expect(page.locator("#fast-note")).to_contain_text("held out")
    expect(page.locator("#run-title")).to_have_text("This run, fast")
    assert page.locator("#run-verdict").inner_text() == verdict
    press(lambda: page.keyboard.press("ArrowLeft"), "exact")
    expect(exact).to_be_focused()
    press(lambda: page.keyboard.press("ArrowRight"), "fast")


def keys(page):
    """An example, chosen without a mouse; every stop of the tab key is seen and has a name."""
    names = []
    for _ in range(12):
        page.keyboard.press("Tab")
        names.append(page.evaluate(
            "document.activeElement.getAttribute('aria-label') || document.activeElement.innerText || document.activeElement.value || document.activeElement.id"))
        # A radio button is shown by its label.
        assert page.evaluate("getComputedStyle(document.activeElement.closest('label') ?? document.activeElement).outlineStyle") != "none", names
    assert "Test photo: boat" in names and "Choose photos" in names and "exact" in names, names
    page.get_by_role("button", name="Test photo: boat").focus()
    page.keyboard.press("Enter")
    answered(page, CLASSES)
    expect(page.get_by_role("button", name="Test photo: boat")).to_have_attribute("aria-pressed", "true")


def look(page, folder, name):
    page.get_by_role("button", name="Test photo: bird").click()
    answered(page, CLASSES)
    page.wait_for_timeout(400)
    width = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert width <= 0, f"{name} scrolls sideways by {width}"
    small = page.evaluate("""[...document.querySelectorAll('button, textarea, a')].filter((e) => e.checkVisibility())
      .filter((e) => e.getBoundingClientRect().height < 32).map((e) => e.outerHTML)""")
    assert not small, small
    check_access(page, name)
    page.screenshot(path=folder / f"{name}.png", full_page=True)


def check_access(page, name):
    found = [f"{v['id']} ({v['impact']}): {v['nodes'][0]['target']} {v['nodes'][0]['failureSummary']}"
             for v in Axe().run(page).response["violations"]]
    assert not found, (name, found)


def without_fast(browser, run, folder):
    """A run without fast answers has no switch."""
    other = folder / "run"
    shutil.copytree(run, other, dirs_exist_ok=True)
    (other / "fast.json").unlink()
    server = Server(other, "--threads", "1")
    page = browser.new_page()
    page.goto(f"http://127.0.0.1:{server.port}/")
    expect(page.locator("#run")).to_contain_text("cocoop on tiny-clip")
    expect(page.locator("#modes")).to_be_hidden()
    page.get_by_role("button", name="Test photo: bird").click()
    answered(page, CLASSES)
    server.stop()


def refused_without_token(browser, run):
    """A server with a token asks for it, and the page brings it."""
    with tempfile.NamedTemporaryFile("w", suffix=".token") as file:
        file.write("0123456789abcdef0123\n")
        file.flush()
        server = Server(run, "--token-file", file.name)
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{server.port}/")
        expect(page.locator("#problem")).to_contain_text("asks for a token")
        page.get_by_label("Token").fill("0123456789abcdef0123")
        page.get_by_role("button", name="Use it").click()
        expect(page.locator("#run")).to_contain_text("cocoop on tiny-clip")
        page.get_by_role("button", name="Test photo: bird").click()
        answered(page, CLASSES)
        server.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--screenshots", type=Path, default=Path(tempfile.mkdtemp()))
    folder = parser.parse_args().screenshots
    folder.mkdir(parents=True, exist_ok=True)
    run = quick_run(Path(tempfile.gettempdir()) / "cocoop-serving/first-run")
    server = Server(run, "--threads", "1")
    lambda_classes = "\n".join(
        ["arrow", "bird", "boat", "body part", "bread", "clock", "dessert", "drink", "fish", "flag", "flower", "fruit", "hat", "house"])
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for scheme in ("light", "dark"):
            for device, (width, height) in SIZES.items():
                context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme,
                                              has_touch=device == "phone", device_scale_factor=2 if device == "phone" else 1)
                page = watched(context, server.port)
                check_access(page, f"{device}-{scheme}-empty")
                page.screenshot(path=folder / f"{device}-{scheme}-empty.png", full_page=True)
                keys(page)
                journey(page)
                switch(page)
                in_view(page)
                look(page, folder, f"{device}-{scheme}")
                assert not page.faults, page.faults
                context.close()
        refused_without_token(browser, run)
        without_fast(browser, run, Path(tempfile.mkdtemp()))
        browser.close()
    assert server.stop() == 0
    print(f"page: every step works at {len(SIZES)} sizes, light and dark; axe-core has nothing to say; screenshots in {folder}")
