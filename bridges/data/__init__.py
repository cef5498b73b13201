"""Data sets by name, as patterns of either kind.

A data set is n real vectors; spin models store them binarised about the mean of each site,
real-valued ones centred and scaled to |ξ|² = N, so that a cue of cosine m means the same
for all. Sites that are constant in all vectors of a set of at least 20 are left out (`about`).
Pattern sets are random subsets: a seed fixes an order, P takes its first P. What a
model is trained on is such a subset too, apart from vectors that are held out for good.
"""

from bridges.data.coded import CODED as CODED, CODING as CODING, Coding as Coding
from bridges.data.data_set import (
    DataSet as DataSet,
    class_names as class_names,
    load_data as load_data,
)
from bridges.data.drawn import is_drawn as is_drawn
from bridges.data.named import NAMED as NAMED
from bridges.data.pattern_sets import (
    about as about,
    as_patterns as as_patterns,
    as_rows as as_rows,
    pattern_classes as pattern_classes,
    pattern_set as pattern_set,
    said as said,
)
from bridges.data.pictures import picture_as_row as picture_as_row
from bridges.data.reading import called as called
from bridges.data.sets import (
    class_labels as class_labels,
    count as count,
    load as load,
    place as place,
    raw_vectors as raw_vectors,
    standardised as standardised,
    vectors as vectors,
)
from bridges.data.shapes import ImageShape as ImageShape, image_shape as image_shape
from bridges.data.sources import fingerprint as fingerprint
from bridges.data.splits import Split as Split, subset as subset
