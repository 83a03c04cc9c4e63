"""The Gaussian-process surrogate: arrays in, arrays out, on NumPy and LAPACK alone.

Nothing here knows of configs, searchers or schedulers; it imports ``agcore.errors`` only.
Searchers may import it.
"""

from agcore.gp.acquisition import (
    Acquisition,
    ConstrainedImprovement,
    ExpectedImprovement,
    Predictor,
    ProbabilityOfFeasibility,
    UpperConfidenceBound,
    WithPrior,
    independent_thompson,
)
from agcore.gp.blas_threads import one_blas_thread
from agcore.gp.ensemble import WeightedEnsemble
from agcore.gp.fit import FitResult, FitSettings, evaluation_budget, fit, fit_subset
from agcore.gp.kernels import Kernel, Matern52
from agcore.gp.linear_algebra import NotPositiveDefiniteError
from agcore.gp.local_search import LocalSearchResult, local_search_budget, maximise
from agcore.gp.means import ConstantMean, Mean
from agcore.gp.model import Model
from agcore.gp.parameters import Parameter, ParameterSet
from agcore.gp.posterior import Posterior, Prediction
from agcore.gp.priors import Flat, Gamma, LogNormal, Normal, Prior
from agcore.gp.resource_kernels import RESOURCE_KERNELS, gamma_scale_of, resource_kernel
from agcore.gp.settings import SurrogateSettings, classic, default
from agcore.gp.targets import Standardisation, standardise, without_outliers
from agcore.gp.warping import Warped

__all__ = [
    # a model
    "Model",
    "Kernel",
    "Matern52",
    "Warped",
    "RESOURCE_KERNELS",
    "resource_kernel",
    "gamma_scale_of",
    "Mean",
    "ConstantMean",
    "Parameter",
    "ParameterSet",
    "Prior",
    "Flat",
    "Gamma",
    "LogNormal",
    "Normal",
    # profiles
    "SurrogateSettings",
    "classic",
    "default",
    # from data to a posterior
    "Standardisation",
    "standardise",
    "without_outliers",
    "FitResult",
    "FitSettings",
    "evaluation_budget",
    "fit",
    "fit_subset",
    "NotPositiveDefiniteError",
    "Posterior",
    "Prediction",
    "Predictor",
    "WeightedEnsemble",
    # where to look next
    "Acquisition",
    "ConstrainedImprovement",
    "ExpectedImprovement",
    "ProbabilityOfFeasibility",
    "UpperConfidenceBound",
    "WithPrior",
    "independent_thompson",
    "LocalSearchResult",
    "local_search_budget",
    "maximise",
    "one_blas_thread",
]
