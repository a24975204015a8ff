"""Golden numbers, hand-computed gradients and properties of the attribution of parameters."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Dict, List, Tuple

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bsr_plugins.attribution.integrated_gradients import Attribution, parameter_attribution
from bsr_plugins.attribution.ranking import select_frozen
from bsr_plugins.common.errors import DataError, OptionError

State = Dict[str, Tensor]
Batches = List[Tuple[Tensor, Tensor]]


def everything(name: str, parameter: Tensor) -> bool:
    return True


def attribute(net: nn.Module, baseline: State, target: State, batches: Batches, **options: object) -> Attribution:
    return parameter_attribution(net, baseline, target, batches, **{'progress': False, 'ends_every': 1, **options})


class Square(nn.Module):
    """l = theta^2."""

    def __init__(self) -> None:
        super().__init__()
        self.theta = nn.Parameter(torch.tensor(-7.0))

    def forward(self, x: Tensor) -> Tensor:
        return self.theta**2 * x


@pytest.mark.parametrize(
    'rule, values',
    [
        ('left', (4, 6, 7, 7.96)),
        ('right', (12, 10, 9, 8.04)),
        ('midpoint', (8, 8, 8, 8)),
        ('trapezoid', (8, 8, 8, 8)),
    ],
)
def test_golden_toy(rule: str, values: tuple) -> None:
    """theta' = 1, theta = 3: exactly 8."""
    for steps, value in zip((1, 2, 4, 100), values):
        found = attribute(
            Square(),
            {'theta': torch.tensor(1.0)},
            {'theta': torch.tensor(3.0)},
            [(torch.ones(()), torch.zeros(()))],
            rule=rule,
            steps=steps,
            ranked=everything,
        )
        assert found.scores['theta'].item() == pytest.approx(value, abs=1e-5)
        assert found.completeness_gap == pytest.approx(value / 8 - 1, abs=1e-6)
        assert (found.loss_baseline, found.loss_target, found.batches) == (1, 9, 1)


class Line(nn.Module):
    """y = a x + b."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.tensor(0.0))
        self.b = nn.Parameter(torch.tensor(0.0))

    def forward(self, x: Tensor) -> Tensor:
        return self.a * x + self.b


@pytest.mark.parametrize(
    'reduce, expected', [('signed', (-3, -2)), ('abs_per_batch', (13, 14)), ('abs_after_sum', (3, 2))]
)
def test_by_hand(reduce: str, expected: tuple) -> None:
    """Midpoint a = 1, b = 2 of (0, 0) -> (2, 4); l = (y - t)^2, dl/da = 2 x r, dl/db = 2 r with r = y - t.

    Batch 1: x = 1, t = 2.5: r = .5, dl/da = 1, dl/db = 1 -> times (2, 4): (2, 4).
    Batch 2: x = 2, t = 5: r = -1 -> (-4, -2) -> (-8, -8). Batch 3: x = 3, t = 4.75: r = .25 -> (1.5, .5) -> (3, 2).
    """
    batches = [(torch.tensor(x), torch.tensor(t)) for x, t in ((1.0, 2.5), (2.0, 5.0), (3.0, 4.75))]
    found = attribute(
        Line(),
        {'a': torch.tensor(0.0), 'b': torch.tensor(0.0)},
        {'a': torch.tensor(2.0), 'b': torch.tensor(4.0)},
        batches,
        objective=F.mse_loss,
        rule='midpoint',
        steps=1,
        reduce=reduce,
        ranked=everything,
    )
    assert (found.scores['a'].item(), found.scores['b'].item()) == pytest.approx(expected)
    # A quadratic's midpoint sum is exact, so it is complete: 6.25, 25, 22.5625 before; 12.25, 9, 27.5625 after.
    assert found.loss_baseline == pytest.approx((6.25 + 25 + 22.5625) / 3)
    assert found.loss_target == pytest.approx((12.25 + 9 + 27.5625) / 3)
    assert found.completeness_gap == pytest.approx(0, abs=1e-6)


class SmallNet(nn.Module):
    """Convolutions, BatchNorm, a 4-D 'mean' weight that is not ranked, a shared layer and one that takes no part."""

    def __init__(self) -> None:
        super().__init__()
        self.sub_mean = nn.Conv2d(3, 3, 1)
        self.head = nn.Conv2d(3, 6, 3, padding=1)
        self.body = nn.Conv2d(6, 6, 3, padding=1)
        self.norm = nn.BatchNorm2d(6)
        self.tail = nn.Conv2d(6, 3, 3, padding=1)
        self.idle = nn.Conv2d(3, 3, 1)
        self.again = self.body

    def forward(self, x: Tensor) -> Tensor:
        x = self.head(self.sub_mean(x))
        return self.tail(self.again(torch.relu(self.norm(self.body(x)))))


def small_case(seed: int = 0, count: int = 3, size: float = 0.1) -> Tuple[SmallNet, State, State, Batches]:
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    net = SmallNet()
    baseline = {name: value.clone() for name, value in net.state_dict().items()}
    target = {
        name: value + size * torch.randn(value.shape, generator=generator) if value.is_floating_point() else value
        for name, value in baseline.items()
    }
    for state in (baseline, target):
        state['norm.running_var'] = torch.ones(6)
        for leaf in ('weight', 'bias'):
            state[f'again.{leaf}'] = state[f'body.{leaf}']
    batches = [
        (torch.rand(2, 3, 8, 8, generator=generator), torch.rand(2, 3, 8, 8, generator=generator)) for _ in range(count)
    ]
    return net, baseline, target, batches


def test_four_dimensional_weights_but_for_the_mean_are_ranked() -> None:
    scores = attribute(*small_case(), steps=2).scores
    assert list(scores) == ['head.weight', 'body.weight', 'tail.weight', 'idle.weight']
    assert not scores['idle.weight'].any() and all(scores[name].any() for name in list(scores)[:3])
    assert all(score.dtype == torch.float32 and bool((score >= 0).all()) for score in scores.values())


def test_scores_do_not_depend_on_what_is_ranked_besides() -> None:
    some = attribute(*small_case(), steps=2)
    more = attribute(*small_case(), steps=2, ranked=everything)
    assert 'norm.weight' in more.scores and 'tail.bias' in more.scores
    assert all(torch.equal(score, more.scores[name]) for name, score in some.scores.items())
    assert some.completeness_gap == more.completeness_gap


def test_identical_states_score_zero() -> None:
    net, baseline, _, batches = small_case()
    found = attribute(net, baseline, baseline, batches)
    assert not any(score.any() for score in found.scores.values())
    assert found.completeness_gap == 0 and found.loss_baseline == found.loss_target


def test_swapping_the_ends_swaps_left_and_right() -> None:
    net, baseline, target, batches = small_case()
    target = {
        name: value if 'running' not in name and 'num' not in name else baseline[name] for name, value in target.items()
    }
    left = attribute(net, baseline, target, batches, rule='left', steps=5)
    right = attribute(net, target, baseline, batches, rule='right', steps=5)
    for name, score in left.scores.items():
        torch.testing.assert_close(score, right.scores[name], rtol=1e-4, atol=1e-6)
    assert left.loss_target == pytest.approx(right.loss_baseline, rel=1e-5)


def test_scaling_the_loss_scales_the_scores_and_keeps_the_ranking() -> None:
    once = attribute(*small_case(), steps=3)
    thrice = attribute(*small_case(), steps=3, objective=lambda output, gt: 4 * F.l1_loss(output, gt))
    for name, score in once.scores.items():
        torch.testing.assert_close(4 * score, thrice.scores[name], rtol=1e-5, atol=0)
    for name, mask in select_frozen(once.scores, 0.1).items():
        assert torch.equal(mask, select_frozen(thrice.scores, 0.1)[name])
    assert once.completeness_gap == pytest.approx(thrice.completeness_gap, abs=1e-6)


@pytest.mark.parametrize('rule', ['left', 'right', 'midpoint', 'trapezoid'])
def test_completeness_as_the_steps_grow(rule: str) -> None:
    net, baseline, target, batches = small_case(count=2)
    net = net.double()
    baseline, target = (
        {name: value.double() if value.is_floating_point() else value for name, value in state.items()}
        for state in (baseline, target)
    )
    gaps = [
        abs(attribute(net, baseline, target, batches, rule=rule, steps=steps).completeness_gap) for steps in (1, 8, 256)
    ]
    assert gaps[0] > 5 * gaps[2]
    assert gaps[2] < (0.02 if rule in ('left', 'right') else 5e-4)


def test_signed_scores_of_all_parameters_sum_to_the_change_of_the_loss() -> None:
    found = attribute(*small_case(), steps=64, reduce='signed', ranked=everything)
    total = sum(float(score.double().sum()) for score in found.scores.values()) / found.batches
    assert total == pytest.approx(found.loss_target - found.loss_baseline, rel=1e-2)
    assert total / (found.loss_target - found.loss_baseline) - 1 == pytest.approx(found.completeness_gap, abs=1e-5)


def test_batches_add_up() -> None:
    net, baseline, target, batches = small_case()
    whole = attribute(net, baseline, target, batches, steps=2)
    parts = [attribute(net, baseline, target, [batch], steps=2) for batch in batches]
    for name, score in whole.scores.items():
        torch.testing.assert_close(score, sum(part.scores[name] for part in parts))
    assert whole.loss_target == pytest.approx(sum(part.loss_target for part in parts) / 3)
    assert whole.batches == 3


def test_filters_share_the_sum_of_their_kernel() -> None:
    weights = attribute(*small_case(), steps=2).scores
    filters = attribute(*small_case(), steps=2, granularity='filter').scores
    for name, score in weights.items():
        assert filters[name].shape == score.shape
        torch.testing.assert_close(filters[name], score.sum(dim=(2, 3), keepdim=True).expand_as(score))
    torch.testing.assert_close(filters['head.weight'][1, 2, 0, 0], weights['head.weight'][1, 2].sum())


def test_batch_norm_statistics_and_modes_stay() -> None:
    net, baseline, target, batches = small_case()
    net.train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    attribute(net, baseline, target, batches, steps=2)
    assert net.training and net.norm.training
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert all(p.grad is None for p in net.parameters())


def test_train_and_eval_give_the_same() -> None:
    net, baseline, target, batches = small_case()
    first = attribute(net.train(), baseline, target, batches, steps=2)
    second = attribute(net.eval(), baseline, target, batches, steps=2)
    assert all(torch.equal(score, second.scores[name]) for name, score in first.scores.items())


def test_an_exception_restores_the_network() -> None:
    net, baseline, target, batches = small_case()
    before = {name: value.clone() for name, value in net.state_dict().items()}

    def breaks(output: Tensor, gt: Tensor) -> Tensor:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        attribute(net, baseline, target, batches, objective=breaks)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items()) and net.training


def test_full_precision_and_gradients_whatever_surrounds_the_call() -> None:
    net, baseline, target, batches = small_case()
    plain = attribute(net, baseline, target, batches, steps=2)
    seen = []

    def objective(output: Tensor, gt: Tensor) -> Tensor:
        seen.append(output.dtype)
        return F.l1_loss(output, gt)

    doubled = [(lq.double(), gt.double()) for lq, gt in batches]
    with torch.no_grad(), torch.autocast('cpu', dtype=torch.bfloat16):
        found = attribute(net, baseline, target, doubled, steps=2, objective=objective)
    assert set(seen) == {torch.float32}
    assert all(torch.equal(score, found.scores[name]) for name, score in plain.scores.items())


def test_frozen_and_shared_parameters_and_data_parallel() -> None:
    net, baseline, target, batches = small_case()
    plain = attribute(net, baseline, target, batches, steps=2)
    net.body.weight.requires_grad_(False)
    wrapped = nn.DataParallel(net)
    prefixed = [{f'module.{name}': value for name, value in state.items()} for state in (baseline, target)]
    found = attribute(wrapped, prefixed[0], prefixed[1], batches, steps=2)
    assert all(torch.equal(score, found.scores[f'module.{name}']) for name, score in plain.scores.items())
    assert not net.body.weight.requires_grad


def test_midpoint_8_chooses_what_right_100_chooses() -> None:
    """A net trained a little on one kind of images, then on another: the top 5 % agree to >= .99."""
    torch.manual_seed(3)
    net = nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 16, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 3, 3, padding=1),
    )
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)

    def batch(smooth: int) -> Tuple[Tensor, Tensor]:
        gt = F.interpolate(torch.rand(4, 3, 16 // smooth, 16 // smooth), size=16, mode='bilinear', align_corners=False)
        return F.avg_pool2d(gt, 3, 1, 1), gt

    def train(steps: int, smooth: int) -> State:
        for _ in range(steps):
            lq, gt = batch(smooth)
            optimizer.zero_grad()
            F.l1_loss(net(lq), gt).backward()
            optimizer.step()
        return {name: value.clone() for name, value in net.state_dict().items()}

    baseline, target = train(150, 4), train(30, 1)
    batches = [batch(4) for _ in range(6)]
    tops = []
    for rule, steps in (('midpoint', 8), ('right', 100)):
        scores = attribute(net, baseline, target, batches, rule=rule, steps=steps).scores
        tops.append(torch.cat([mask.flatten() for mask in select_frozen(scores, 0.05).values()]))
    shared = int((tops[0] & tops[1]).sum()) / int(tops[1].sum())
    assert shared >= 0.99, shared


def test_the_bar_shows_rate_and_time_left(capsys: pytest.CaptureFixture) -> None:
    attribute(*small_case(), steps=4, progress=True, description='IG round 3')
    shown = capsys.readouterr().err
    assert 'IG round 3' in shown and '12/12' in shown and ('step/s' in shown or 's/step' in shown)
    attribute(*small_case(), steps=4)
    assert capsys.readouterr().err == ''


def test_num_batches_takes_so_many_and_no_more() -> None:
    net, baseline, target, batches = small_case()
    taken = []

    def endless() -> object:
        while True:
            taken.append(1)
            yield batches[0]

    assert attribute(net, baseline, target, endless(), num_batches=2, steps=1).batches == 2
    assert len(taken) == 2


@pytest.mark.parametrize('rule, measured', [('midpoint', [0, 2, 4]), ('left', [0, 2, 4]), ('trapezoid', range(5))])
def test_the_ends_are_measured_on_some_batches_and_the_scores_on_all(rule: str, measured: List[int]) -> None:
    net, baseline, target, batches = small_case(count=5)
    every = attribute(net, baseline, target, batches, steps=2, rule=rule)
    some = attribute(net, baseline, target, batches, steps=2, rule=rule, ends_every=2)
    those = attribute(net, baseline, target, [batches[i] for i in measured], steps=2, rule=rule)
    assert all(torch.equal(score, some.scores[name]) for name, score in every.scores.items())
    assert (some.loss_baseline, some.loss_target) == (those.loss_baseline, those.loss_target)
    assert some.completeness_gap == pytest.approx(those.completeness_gap, abs=1e-9)
    assert some.batches == 5


def test_forward_passes_are_counted() -> None:
    """8 midpoints a batch and both ends on every fourth: 8 x 8 + 2 x 2."""
    net, baseline, target, batches = small_case(count=8)
    calls = []
    net.register_forward_hook(lambda *_: calls.append(torch.is_grad_enabled()))
    parameter_attribution(net, baseline, target, batches, steps=8, progress=False)
    assert (calls.count(True), calls.count(False)) == (64, 4)


@pytest.mark.parametrize(
    'options, error, words',
    [
        ({'ends_every': 0}, OptionError, 'ends_every >= 1'),
        ({'reduce': 'abs'}, OptionError, 'abs_per_batch or abs_after_sum or signed'),
        ({'granularity': 'filtre'}, OptionError, "did you mean 'filter'"),
        ({'rule': 'middle'}, OptionError, "did you mean 'midpoint'|midpoint or right or left or trapezoid"),
        ({'ranked': lambda name, parameter: False}, OptionError, 'No parameter of the network is ranked'),
        ({'num_batches': 9}, DataError, r'expected:\s+9 batches\n\s+found:\s+3'),
        ({'objective': lambda output, gt: torch.zeros(())}, OptionError, 'does not depend on the network'),
        ({'objective': lambda output, gt: output.mean() * float('nan')}, DataError, 'not finite'),
    ],
)
def test_errors(options: dict, error: type, words: str) -> None:
    with pytest.raises(error, match=words):
        attribute(*small_case(), steps=1, **options)


def test_no_batch_is_an_error() -> None:
    net, baseline, target, _ = small_case()
    with pytest.raises(DataError, match='at least 1 batches'):
        attribute(net, baseline, target, [])


RANK_SCRIPT = """
import sys
import torch
import bsr_plugins
sys.path.insert(0, sys.argv[1])
from test_integrated_gradients import attribute, small_case
from bsr_plugins.common.errors import DataError
rank = int(sys.argv[2])
torch.distributed.init_process_group('gloo', init_method=sys.argv[3], rank=rank, world_size=2)
net, baseline, target, batches = small_case(count=3)
for reduce in ('abs_per_batch', 'abs_after_sum'):
    found = attribute(net, baseline, target, batches[rank::2], steps=3, distributed=True, num_batches=2 - rank,
                      progress=True, reduce=reduce)
    torch.save({'scores': found.scores, 'numbers': list(found[1:])}, f'{sys.argv[4]}/{reduce}_{rank}.pth')
try:
    attribute(net, baseline, target, batches[rank::2], steps=1, distributed=True, num_batches=2)
except DataError as error:
    print(error, file=sys.stderr)
torch.distributed.destroy_process_group()
"""


def test_two_processes_agree_with_each_other_and_with_one(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        address = f'tcp://127.0.0.1:{probe.getsockname()[1]}'
    here = str(Path(__file__).parent)
    repo = str(Path(__file__).parents[2])
    environment = {
        **os.environ,
        'OMP_NUM_THREADS': '1',
        'PYTHONPATH': os.pathsep.join(filter(None, [repo, os.environ.get('PYTHONPATH')])),
    }
    ranks = [
        subprocess.Popen(
            [sys.executable, '-c', RANK_SCRIPT, here, str(rank), address, str(tmp_path)],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    errors = [process.communicate(timeout=120)[1] for process in ranks]
    assert [process.returncode for process in ranks] == [0, 0], errors
    assert 'parameter attribution' in errors[0] and 'parameter attribution' not in errors[1]
    # One rank alone is short of a batch; both say so, none waits for the other.
    assert all('4 batches' in error and 'found:    3' in error for error in errors)
    for reduce in ('abs_per_batch', 'abs_after_sum'):
        first, second = (torch.load(tmp_path / f'{reduce}_{rank}.pth', weights_only=True) for rank in range(2))
        alone = attribute(*small_case(count=3), steps=3, reduce=reduce)
        assert first['numbers'] == second['numbers']
        assert first['numbers'] == pytest.approx(list(alone[1:]), rel=1e-4)
        for name, score in alone.scores.items():
            assert torch.equal(first['scores'][name], second['scores'][name])
            torch.testing.assert_close(first['scores'][name], score, rtol=1e-4, atol=1e-8)
