"""Draws how a text training step grows, as an SVG that reads well on light and on dark pages."""

import math

WIDTH, HEIGHT, LEFT, TOP, INNER_WIDTH, INNER_HEIGHT = 900, 330, 70, 46, 330, 220
TITLES = {"classes": "classes, one image", "images": "images, 50 classes"}


def svg(series: dict, source: str) -> str:
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        'aria-labelledby="title description" font-family="system-ui, sans-serif" font-size="13">',
        "<title id=\"title\">Time of a text training step of CoCoOp, ViT-B/16 size</title>",
        f'<desc id="description">Milliseconds and MiB over the number of classes ({source}) and of images, both axes '
        "logarithmic. The tables of docs/performance.md hold the same numbers.</desc>",
        "<style>text{fill:#333}.axis{stroke:#999}.time{stroke:#0b62c4;fill:none}.memory{stroke:#b3480f;fill:none;"
        "stroke-dasharray:5 3}.dot{fill:#0b62c4}.square{fill:#b3480f}@media (prefers-color-scheme: dark){text{fill:#ddd}"
        ".time{stroke:#6db1ff}.dot{fill:#6db1ff}.memory{stroke:#ff9d66}.square{fill:#ff9d66}}</style>",
    ]
    for index, axis in enumerate(TITLES):
        points = [
            (count, 1000 * figures["textTrainStepSeconds"], figures["textTrainMemoryMiB"])
            for count, figures in series[axis]
        ]
        parts += panel(points, LEFT + index * (INNER_WIDTH + 110), TITLES[axis])
    parts.append(
        f'<text x="{LEFT}" y="{HEIGHT - 8}">solid: milliseconds of a step; dashed: MiB that the step adds to the process'
        "</text></svg>"
    )
    return "\n".join(parts) + "\n"


def panel(points, left: float, title: str) -> list[str]:
    low = 10 ** math.floor(math.log10(min(min(time, memory) for _, time, memory in points)))
    high = 10 ** math.ceil(math.log10(max(max(time, memory) for _, time, memory in points)))
    first, last = points[0][0], points[-1][0]

    def x(count: float) -> float:
        return left + INNER_WIDTH * math.log(count / first) / math.log(last / first)

    def y(value: float) -> float:
        return TOP + INNER_HEIGHT * (1 - math.log(value / low) / math.log(high / low))

    bottom = TOP + INNER_HEIGHT
    parts = [
        f'<text x="{left}" y="{TOP - 18}" font-weight="600">{title}</text>',
        f'<path class="axis" d="M{left} {TOP}V{bottom}H{left + INNER_WIDTH}" fill="none"/>',
    ]
    value = low
    while value <= high:
        parts.append(f'<text x="{left - 8}" y="{y(value) + 4:.0f}" text-anchor="end">{value:,.0f}</text>')
        value *= 10
    parts += [f'<text x="{x(count):.0f}" y="{bottom + 20}" text-anchor="middle">{count}</text>' for count, *_ in points]
    for kind, column, mark in (("time", 1, "dot"), ("memory", 2, "square")):
        path = " ".join(f"{x(point[0]):.1f},{y(point[column]):.1f}" for point in points)
        parts.append(f'<polyline class="{kind}" points="{path}" stroke-width="2"/>')
        parts += [f'<circle class="{mark}" cx="{x(p[0]):.1f}" cy="{y(p[column]):.1f}" r="3.5"/>' for p in points]
    return parts
