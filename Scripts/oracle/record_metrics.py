"""Records what scikit-learn, scipy and numpy make of answers: Tests/MetricsTests/Fixtures/metrics.json.

Each case is a classifier's scores on images, with what is hard about it in its name. Where one of them is not a number,
scikit-learn gets a class that does not exist (-1) as the answer: never right, and in nobody's count.
"""

import importlib.metadata
import json
import math
import pathlib
import platform

import numpy as np
import scipy.special
import scipy.stats
import sklearn.calibration
import sklearn.metrics

SEED = 20240607
FIXTURE = pathlib.Path(__file__).resolve().parents[2] / "Tests/MetricsTests/Fixtures/metrics.json"
BINS = 15


def scores(generator, labels, classes, skill):
    """Scores of a classifier that leans towards the right class by `skill`, as float32."""
    logits = generator.normal(size=(len(labels), classes)) * 2
    logits[np.arange(len(labels)), labels] += skill
    return logits.astype(np.float32)


def cases(generator):
    labels = generator.integers(0, 7, 120)
    yield "seven classes", labels, scores(generator, labels, 7, 1.5), 7
    labels = generator.choice([0, 2, 3, 9], 60)
    yield "classes without images", labels, scores(generator, labels, 11, 1.0), 11
    labels = np.zeros(9, int)
    yield "one class", labels, scores(generator, labels, 1, 0.0), 1
    labels = generator.integers(0, 5, 40)
    coarse = np.round(scores(generator, labels, 5, 1.0)).astype(np.float32)
    yield "ties", labels, coarse, 5
    labels = generator.integers(0, 4, 30)
    broken = scores(generator, labels, 4, 2.0)
    broken[3, 1] = broken[8, labels[8]] = np.nan
    broken[20] = np.nan
    yield "not numbers", labels, broken, 4
    labels = generator.integers(0, 3, 50)
    yield "certain of everything", labels, scores(generator, labels, 3, 1.0) * np.float32(400), 3


def calibration_error(confidences, right):
    """Expected calibration error over the bins that scikit-learn's calibration_curve fills."""
    shares, means = sklearn.calibration.calibration_curve(right, confidences, n_bins=BINS, strategy="uniform")
    edges = np.linspace(0, 1, BINS + 1)
    counts = np.bincount(np.searchsorted(edges[1:-1], confidences), minlength=BINS)
    filled = counts[counts > 0]
    error = float((filled * np.abs(shares - means)).sum() / counts.sum())
    return error, counts.tolist(), shares.tolist(), means.tolist()


def expected(labels, logits, classes):
    valid = ~np.isnan(logits).any(axis=1)
    answers = np.where(valid, np.argmax(np.where(valid[:, None], logits, 0), axis=1), -1)
    probabilities = scipy.special.softmax(np.where(valid[:, None], logits, 0).astype(np.float64), axis=1)
    confidences = np.where(valid, probabilities.max(axis=1), 0).astype(np.float32)
    right = answers == labels
    everything = list(range(classes))
    precision, recall, f1, images = sklearn.metrics.precision_recall_fscore_support(
        labels, answers, labels=everything, zero_division=0)
    error, counts, shares, means = calibration_error(confidences.astype(np.float64), right)
    interval = [
        scipy.stats.binom.ppf(share, len(labels), right.mean()) / len(labels) for share in (0.025, 0.975)
    ] if 0 < right.mean() < 1 else [right.mean()] * 2
    resampled = scipy.stats.bootstrap(
        (right.astype(float),), np.mean, n_resamples=9_999, method="percentile",
        rng=np.random.default_rng(SEED)).confidence_interval if 0 < right.mean() < 1 else interval
    present = sorted(set(labels.tolist()))
    return {
        "predictions": [None if answer < 0 else int(answer) for answer in answers],
        "confidences": confidences.astype(np.float64).tolist(),
        "accuracy": sklearn.metrics.accuracy_score(labels, answers),
        "macroF1": sklearn.metrics.f1_score(labels, answers, labels=present, average="macro", zero_division=0),
        "precision": precision.tolist(), "recall": recall.tolist(), "f1": f1.tolist(), "images": images.tolist(),
        "confusion": sklearn.metrics.confusion_matrix(labels, answers, labels=everything).tolist(),
        "ece": error, "binImages": counts, "binAccuracies": shares, "binConfidences": means,
        # The bootstrap's distribution of an accuracy is binomial: its limits need no draws. scipy's drew 9,999 times.
        "interval": [float(limit) for limit in interval], "scipyInterval": [float(limit) for limit in resampled],
    }


def top_k(labels, logits, classes, k):
    """Without ties and with every number; scikit-learn asks for more than two classes, and for k below their number."""
    if classes <= max(k, 2) or np.isnan(logits).any() or any(len(set(row)) < classes for row in logits.tolist()):
        return None
    return sklearn.metrics.top_k_accuracy_score(labels, logits, k=k, labels=list(range(classes)))


def mcnemar(first, second):
    """Counts of images that one method alone has right, and the p-value of the form that is used for so many."""
    differing = first + second
    if differing < 25:
        return scipy.stats.binomtest(first, differing, 0.5).pvalue if differing else 1.0
    return scipy.stats.chi2.sf(max(0, abs(first - second) - 1) ** 2 / differing, 1)


def main():
    generator = np.random.default_rng(SEED)
    recorded = []
    for name, labels, logits, classes in cases(generator):
        recorded.append({
            "name": name, "classes": classes, "labels": labels.tolist(),
            "logits": [None if math.isnan(value) else value for value in logits.astype(np.float64).ravel().tolist()],
            "top5": top_k(labels, logits, classes, 5), "top2": top_k(labels, logits, classes, 2),
            **expected(labels, logits, classes),
        })
    values = np.sort(generator.normal(size=101))
    shares = [0, 0.025, 0.1, 0.5, 0.777, 0.975, 1]
    counts = [(0, 0), (1, 0), (5, 5), (3, 9), (0, 24), (11, 13), (12, 13), (10, 15), (25, 0), (60, 60), (130, 90), (700, 2)]
    FIXTURE.write_text(json.dumps({
        "script": f"Scripts/oracle/{pathlib.Path(__file__).name}", "seed": SEED,
        "versions": {"python": platform.python_version()} | {
            package: importlib.metadata.version(package) for package in ("numpy", "scipy", "scikit-learn")},
        "bins": BINS, "cases": recorded,
        "quantiles": {
            "values": values.tolist(), "shares": shares, "expected": np.quantile(values, shares).tolist()},
        "mcnemar": [
            {"onlyFirst": first, "onlySecond": second, "pValue": float(mcnemar(first, second))}
            for first, second in counts],
    }, indent=None, separators=(",", ":")) + "\n")
    print(f"{FIXTURE.name}: {len(recorded)} cases, {FIXTURE.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
