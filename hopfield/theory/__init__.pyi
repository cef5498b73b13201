from .crosstalk import (
    coupling_noise as coupling_noise,
    crosstalk_capacity as crosstalk_capacity,
    crosstalk_overlap as crosstalk_overlap,
    diluted_overlap as diluted_overlap,
    potts_capacity as potts_capacity,
    sequence_overlap as sequence_overlap,
)
from .decoding import (
    argmax_capacity as argmax_capacity,
    argmax_retrieval as argmax_retrieval,
    argmax_retrieval_normal as argmax_retrieval_normal,
    argmax_retrieval_spins as argmax_retrieval_spins,
)
from .dense import (
    critical_noise as critical_noise,
    dense_load as dense_load,
    dense_load_at_overlap as dense_load_at_overlap,
    dense_load_of_all as dense_load_of_all,
    flip_information as flip_information,
    least_overlap as least_overlap,
    query_gain as query_gain,
    spins_of_information as spins_of_information,
)
from .finite import (
    fixed_point_load as fixed_point_load,
    posterior_weight_bound as posterior_weight_bound,
    sphere_average as sphere_average,
)
from .kernels import (
    isolated_patterns as isolated_patterns,
    random_feature_variance as random_feature_variance,
)
from .mean_field import (
    gardner_kappa as gardner_kappa,
    gardner_kappa_diluted as gardner_kappa_diluted,
    hebbian_one_step as hebbian_one_step,
    one_step_overlap as one_step_overlap,
)
from .sign_dynamics import (
    polynomial_capacity as polynomial_capacity,
    polynomial_error as polynomial_error,
    sign_dynamics_bound as sign_dynamics_bound,
    sign_dynamics_load as sign_dynamics_load,
)
from .sparse import (
    sparse_capacity as sparse_capacity,
    sparse_cosine as sparse_cosine,
    sparse_overlap as sparse_overlap,
    sparse_threshold as sparse_threshold,
)
from .temperature import (
    ags_capacity as ags_capacity,
    ags_overlap as ags_overlap,
    ags_temperature as ags_temperature,
)
from .training import (
    noise_minimum as noise_minimum,
    noise_norm as noise_norm,
    perceptron_loss as perceptron_loss,
    retrieval_loss as retrieval_loss,
)
from .willshaw import (
    willshaw_capacity as willshaw_capacity,
    willshaw_errors as willshaw_errors,
    willshaw_fill as willshaw_fill,
)
