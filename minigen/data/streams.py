"""Names of the streams of random numbers that data split off: `rng.fold_in(streams.ORDER)`.

The numbers below are part of what a seed means: other numbers would give other data.
"""

# of a data set's seed: random numbers of each split, so that the size of one split changes nothing in another
SPLITS = {"train": 0, "validation": 1, "test": 2}

# of an epoch's stream: one for the order of the examples, the others for the transforms of its batches
ORDER = 0
FIRST_BATCH = 1

SHAPES = 2016  # the seed of the carried pictures of shapes, which are always the same
