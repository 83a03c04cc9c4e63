"""A perceptron on the letter data: eight hyperparameters, nine epochs, Hyperband with a model.

    python 04_letter_mlp.py

The train function is the one of ``agcore demo``: it trains for real. Writes ``letter.png`` and
``letter_curves.png``. Takes about forty seconds, most of it the time-out.
"""

import agcore as ag
from agcore.demo.letter_mlp import run_mlp_openml

print("hyperparameters:", ", ".join(run_mlp_openml.cs.names))

# Trials are compared after 1, 3 and 9 epochs; who is not in the best third is stopped. The model
# is a Gaussian process over config and epoch: it learns from the stopped trials too.
scheduler = ag.scheduler.HyperbandScheduler(
    run_mlp_openml,
    resource={"num_cpus": 1, "num_gpus": 0},
    searcher="bayesopt",
    search_options={"random_seed": 31415927, "num_init_random": 6},
    time_out=30,
    reward_attr="objective",
    time_attr="epoch",
    max_t=9,
    grace_period=1,
    reduction_factor=3,
)
scheduler.run()
scheduler.join_jobs()

# The history as the documents of 2020 read it: reports by trial number.
history = scheduler.training_history
lengths = [len(reports) for reports in history.values()]
print(f"{len(history)} trials, {sum(lengths)} epochs; {lengths.count(9)} trials ran all nine")
print(f"best objective {scheduler.get_best_reward():.4f} with")
for name, value in scheduler.get_best_config().items():
    print(f"  {name:<14}{value:.5g}")

# A model that knows little proposes much at random; when did it take over?
origins = [trial.origin for trial in scheduler.trials.values()]
print("configs by origin:", {origin: origins.count(origin) for origin in sorted(set(origins))})
print(scheduler.explain(len(origins) - 1))

scheduler.get_training_curves(filename="letter_curves.png", plot=False)
ag.TuneResult(scheduler).plot("letter.png")
print("see letter.png and letter_curves.png")
