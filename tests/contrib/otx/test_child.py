import pytest

from agcore.errors import ReportError
from agcore.reporter import END_NOW, GO_ON, Reporter, ReportRules
from agcore_contrib.otx import TrialStatus
from agcore_contrib.otx.child import PROGRESS, SCORE, ReportFunction, TrainCall

RULES = ReportRules(SCORE, PROGRESS, resource_required=True)


def reporter_with(*verdicts):
    """A reporter that gets these answers, and what it has sent."""
    answers, sent = iter(verdicts), []

    def exchange(report):
        sent.append(report)
        return next(answers)

    return Reporter(RULES, exchange), sent


def test_the_answer_to_a_report_is_a_status():
    reporter, sent = reporter_with(GO_ON, END_NOW)
    report = ReportFunction(reporter)
    assert report(0.5, 1) is TrialStatus.RUNNING
    assert report(0.6, 2) is TrialStatus.STOP
    assert report(0.7, 3) is TrialStatus.STOP  # and is not sent
    assert [(r.metrics[SCORE], r.resource) for r in sent] == [(0.5, 1), (0.6, 2)]


def test_done_is_said_by_the_end_of_the_function():
    reporter, sent = reporter_with()
    assert ReportFunction(reporter)(0, 0, done=True) is TrialStatus.STOP
    assert sent == []


@pytest.mark.parametrize(("score", "progress"), [("a", 1), (0.5, 0), (0.5, 1.5), (None, 1)])
def test_bad_reports_raise_at_the_users_line(score, progress):
    with pytest.raises(ReportError):
        ReportFunction(reporter_with(GO_ON)[0])(score, progress)


def test_a_train_function_gets_a_plain_dict_of_its_own():
    seen = []

    def train(hp_config, report_func):
        seen.append(hp_config)
        report_func(1.0, 1)

    call = TrainCall(train)
    reporter, sent = reporter_with(GO_ON)
    told = {"id": "3", "configuration": {"iterations": 2}, "train_environment": {}}
    call({**told, "task_id": 3, "scheduler": {}}, reporter)
    assert seen == [told]
    assert len(sent) == 1
    assert (call.__module__, call.__name__) == (train.__module__, "train")
