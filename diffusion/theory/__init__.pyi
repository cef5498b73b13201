from .activations import (
    FeatureCoefficients as FeatureCoefficients,
    feature_coefficients as feature_coefficients,
)
from .collapse import (
    area_law as area_law,
    axis_condensation_sigma as axis_condensation_sigma,
    basin_edge as basin_edge,
    collapse_sigma as collapse_sigma,
    condensation_sigma as condensation_sigma,
    excess_entropy as excess_entropy,
    mutual_information as mutual_information,
    onset_sigma as onset_sigma,
    participation_ratio as participation_ratio,
    return_probability as return_probability,
)
from .double_descent import (
    DoubleDescent as DoubleDescent,
    best_ridge as best_ridge,
    double_descent as double_descent,
)
from .features import (
    Bulk as Bulk,
    FeatureSpectrum as FeatureSpectrum,
    feature_spectrum as feature_spectrum,
    feature_stieltjes as feature_stieltjes,
    generalization_times as generalization_times,
    inversion_fraction as inversion_fraction,
    memorization_times as memorization_times,
)
from .gram import GramSpectrum as GramSpectrum, gram_spectrum as gram_spectrum
from .guidance import (
    capture_sigma as capture_sigma,
    class_condensation as class_condensation,
    guided_directions as guided_directions,
    guided_moments as guided_moments,
    mean_weight as mean_weight,
    window_switch as window_switch,
)
from .imbalance import (
    SpeciationTimes as SpeciationTimes,
    class_collapse_points as class_collapse_points,
    class_collapse_time as class_collapse_time,
    class_divergence as class_divergence,
    divergence_speciation_time as divergence_speciation_time,
    gaussian_divergence as gaussian_divergence,
    median_speciation_times as median_speciation_times,
    minority_speciation_time as minority_speciation_time,
    needed_divergences as needed_divergences,
    own_class_probability as own_class_probability,
    speciation_times as speciation_times,
)
from .learnt_weights import (
    ClassCourse as ClassCourse,
    HierarchyTimes as HierarchyTimes,
    class_course as class_course,
    flow_class_fraction as flow_class_fraction,
    hierarchy_times as hierarchy_times,
)
from .mean_field import (
    MeanField as MeanField,
    guided_condensation as guided_condensation,
    guided_mean_field as guided_mean_field,
    guided_power_law as guided_power_law,
    mean_field_path as mean_field_path,
)
from .paper_spectra import (
    homogeneous_spectrum as homogeneous_spectrum,
    paper_condensation_sigma as paper_condensation_sigma,
    paper_spectrum as paper_spectrum,
    unit_norm_variances as unit_norm_variances,
)
from .speciation import clone_probability as clone_probability, speciation_time as speciation_time
from .subspaces import (
    critical_size_jacobian as critical_size_jacobian,
    critical_size_score as critical_size_score,
    effective_number as effective_number,
    final_gap as final_gap,
    intermediate_gap as intermediate_gap,
    marchenko_pastur_edges as marchenko_pastur_edges,
    snr_jacobian as snr_jacobian,
    snr_score as snr_score,
    switch_sigma as switch_sigma,
    widest_gap_sigma as widest_gap_sigma,
)
from .two_classes import (
    guided_minimum as guided_minimum,
    guided_potential as guided_potential,
    guided_two_classes as guided_two_classes,
)
from .unseen import (
    linear_error as linear_error,
    linear_held_out_error as linear_held_out_error,
    own_half_fraction as own_half_fraction,
)
