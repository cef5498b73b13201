"""Data sets by name, as patterns of either kind.

A data set is n real vectors; spin models store them binarised about the mean of each site,
real-valued ones centred and scaled to |ξ|² = N, so that a cue of cosine m means the same
for all. Sites that are constant in all vectors of a set of at least 20 are left out (`about`).
Pattern sets are random subsets: a seed fixes an order, P takes its first P. What a
model is trained on is such a subset too, apart from vectors that are held out for good.
"""

from bridges.data.pattern_sets import about, pattern_classes, pattern_set, said
from bridges.data.sets import (
    class_labels,
    count,
    load,
    place,
    raw_vectors,
    standardised,
    vectors,
)
from bridges.data.sources import NAMED, fingerprint
from bridges.data.splits import Split, subset

__all__ = [
    "NAMED",
    "Split",
    "about",
    "class_labels",
    "count",
    "fingerprint",
    "load",
    "pattern_classes",
    "pattern_set",
    "place",
    "raw_vectors",
    "said",
    "standardised",
    "subset",
    "vectors",
]
