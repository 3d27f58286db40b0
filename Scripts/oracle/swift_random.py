"""The package's random draws, written anew: what a seed gives there, for scripts that repeat or examine them.

The generator is xoshiro256** over SplitMix64 (Blackman and Vigna, 2021). Bounded integers are Lemire's (2019), floating
points in a range and shuffles are those of Swift's standard library. Whether this is what the package draws is shown by
`record_whole_training.py`: its 800 losses and 800 crops are those of a training that the package made from a seed.
"""

import math

import numpy

MASK = 2**64 - 1

# Streams of a training, told apart by words that are mixed into its seed.
ORDER_AND_VIEWS = int.from_bytes(b"trainer\0", "big")


class Generator:
    def __init__(self, seed: int):
        self.state = []
        for index in range(4):
            word = (seed + (index + 1) * 0x9E3779B97F4A7C15) & MASK
            word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9 & MASK
            word = (word ^ (word >> 27)) * 0x94D049BB133111EB & MASK
            self.state.append(word ^ (word >> 31))

    def next(self) -> int:
        a, b, c, d = self.state
        result = rotated(b * 5 & MASK, 7) * 9 & MASK
        c ^= a
        d ^= b
        self.state = [a ^ d, b ^ c, c ^ (b << 17 & MASK), rotated(d, 45)]
        return result

    def below(self, bound: int) -> int:
        product = self.next() * bound
        if product & MASK < bound:
            threshold = 2**64 % bound
            while product & MASK < threshold:
                product = self.next() * bound
        return product >> 64

    def within(self, lower: float, upper: float) -> float:
        """From a closed range."""
        draw = self.below(2**53 + 1)
        return upper if draw == 2**53 else (upper - lower) * (draw * 2.0**-53) + lower

    def half_open(self) -> float:
        """From 0..<1, as the standard library draws it."""
        return (self.next() & (2**53 - 1)) * 2.0**-53

    def uniform(self) -> float:
        """From 0..<1, as the generator itself draws it."""
        return (self.next() >> 11) * 2.0**-53

    def normal(self) -> float:
        radius = math.sqrt(-2 * math.log(1 - self.uniform()))
        return radius * math.cos(2 * math.pi * self.uniform())

    def shuffled(self, count: int) -> list[int]:
        items = list(range(count))
        for place in range(count - 1):
            other = place + self.below(count - place)
            items[place], items[other] = items[other], items[place]
        return items


def rotated(word: int, by: int) -> int:
    return (word << by | word >> (64 - by)) & MASK


def crop(width: int, height: int, generator: Generator) -> tuple[int, int, int, int]:
    """x, y, width and height of a random crop: an area of 0.08 to 1, a ratio of 3/4 to 4/3."""
    for _ in range(10):
        area = width * height * generator.within(0.08, 1.0)
        ratio = math.exp(generator.within(math.log(3 / 4), math.log(4 / 3)))
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 1 <= w <= width and 1 <= h <= height:
            y = generator.below(height - h + 1)
            x = generator.below(width - w + 1)
            return x, y, w, h
    w, h = width, height
    if width / height < 3 / 4:
        h = max(1, round(width / (3 / 4)))
    elif width / height > 4 / 3:
        w = max(1, round(height * (4 / 3)))
    return (width - w) // 2, (height - h) // 2, w, h


def view(width: int, height: int, seed: int) -> tuple[int, int, int, int, int]:
    """A crop, and 1 where it is mirrored."""
    generator = Generator(seed)
    return *crop(width, height, generator), int(generator.half_open() < 0.5)


def epochs(photos: int, count: int, seed: int):
    """For each epoch the photos in the order of its steps, each with the seed of its view."""
    generator = Generator(seed ^ ORDER_AND_VIEWS)
    for _ in range(count):
        yield [(photo, generator.next()) for photo in generator.shuffled(photos)]


def linear(inputs: int, outputs: int, generator: Generator) -> tuple[numpy.ndarray, numpy.ndarray]:
    """The initial weight [outputs, inputs] and bias [outputs] of a linear layer."""
    bound = numpy.float32(1) / numpy.sqrt(numpy.float32(inputs))
    weight, bias = (
        numpy.array([numpy.float32(2 * generator.uniform() - 1) * bound for _ in range(count)], dtype=numpy.float32)
        for count in (outputs * inputs, outputs)
    )
    return weight.reshape(outputs, inputs), bias


def meta_network(embedding: int, width: int, generator: Generator) -> dict[str, numpy.ndarray]:
    """Under the names that the published checkpoints use."""
    first = linear(embedding, embedding // 16, generator)
    second = linear(embedding // 16, width, generator)
    names = ["linear1.weight", "linear1.bias", "linear2.weight", "linear2.bias"]
    return dict(zip(names, [*first, *second]))


def random_context(length: int, width: int, generator: Generator) -> numpy.ndarray:
    """[length, width] initial context vectors, N(0, 0.02²)."""
    draws = [numpy.float32(generator.normal()) * numpy.float32(0.02) for _ in range(length * width)]
    return numpy.array(draws, dtype=numpy.float32).reshape(length, width)
