"""Mend: weights that a file keeps under another key, or of another network, are a traceback, or not loaded at all."""

from __future__ import annotations

import functools
import inspect
from types import ModuleType
from typing import Any, Callable, List, Mapping, Optional

_USUAL_KEYS = (None, 'params', 'params_ema')


def mend_network_weights(module: ModuleType) -> bool:
    """Wrap ``BaseModel.load_network``: what a file holds is said, and a file of which nothing fits is refused.

    Upstream ends with ``KeyError: 'params'`` where a file keeps its weights under another key, and reads the EMA
    weights from ``params_ema`` whatever ``param_key_g`` says; with ``strict_load_g: false`` it goes on without a single
    weight of the file. ``basicsr/models/base_model.py``.

    Raises (the wrapped function):
        CheckpointError: The file holds no weights under the key, those of another network, none that fits, or some that
            are not finite.
    """
    base = getattr(module, 'BaseModel', None)
    upstream_load = vars(base).get('load_network') if base is not None else None
    if upstream_load is None or hasattr(upstream_load, '__wrapped__'):
        return False
    from bsr_plugins.runs.given_weights import note_loaded_weights

    note_loaded_weights()
    base.load_network = _explained(upstream_load)  # type: ignore[union-attr]
    return True


def _explained(upstream_load: Callable[..., Any]) -> Callable[..., Any]:
    signature = inspect.signature(upstream_load)

    @functools.wraps(upstream_load)
    def load_network(self: Any, *args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(self, *args, **kwargs)
        bound.apply_defaults()
        request = _Request(self, bound.arguments)
        if 'param_key' in bound.arguments:
            bound.arguments['param_key'] = request.key = request.key_to_use()
        try:
            result = upstream_load(*bound.args, **bound.kwargs)
        except (LookupError, TypeError, AttributeError, RuntimeError) as error:
            wrong = request.explanation(error)
            if wrong is None:
                raise
            raise wrong from error
        if request.strict is False:
            request.report_partial()
        request.refuse_not_finite()
        return result

    return load_network


class _Request:
    """Weights that a model asks for."""

    def __init__(self, model: Any, arguments: Mapping[str, Any]) -> None:
        self.path, self.strict = arguments.get('load_path'), arguments.get('strict')
        self.net = model.get_bare_model(arguments.get('net'))
        self.key = arguments.get('param_key')
        self.options = model.opt.get('path') or {}
        self.resumes = bool(model.opt.get('is_train') and self.options.get('resume_state'))
        prefix = 'pretrain_network_'
        named = [name for name, value in self.options.items() if name.startswith(prefix) and value == self.path]
        self.letter = named[0][len(prefix) :] if named else 'g'
        self._read: List[Any] = []

    def key_to_use(self) -> Any:
        """Return the key; for EMA weights that the file lacks the one that the options name, as for the others."""
        own = self.options.get(f'param_key_{self.letter}', 'params')
        if own in ('params', 'params_ema') and self.key in _USUAL_KEYS:
            return self.key
        content = self._content()
        names = set(content) if isinstance(content, Mapping) else {self.key}
        if self.key == 'params_ema' and not {'params_ema', 'params'} & names:
            return own
        if self.key not in (*_USUAL_KEYS, *names):
            from bsr_plugins.runs.weight_layouts import wrong_layout

            # Upstream takes params then, where there are some, and says that params_ema does not exist.
            raise wrong_layout(str(self.path), content, self.key, self.letter)
        return self.key

    def explanation(self, error: Exception) -> Optional[Exception]:
        """Return the error that says what is wrong with the file; None where it is something else."""
        from bsr_plugins.common.errors import BsrPluginsError, CheckpointError
        from bsr_plugins.runs.weight_layouts import is_state_dict, misfit_told, prefix_of, resaving, wrong_layout

        if isinstance(error, BsrPluginsError):
            return None
        content = self._content()
        keys = (
            [] if self.key is None else [self.key if isinstance(content, Mapping) and self.key in content else 'params']
        )
        state = content
        for key in keys:
            state = content.get(key) if isinstance(content, Mapping) else None
        if not is_state_dict(state):
            return wrong_layout(str(self.path), content, self.key, self.letter)
        given = {name[7:] if name.startswith('module.') else name: value for name, value in state.items()}
        expected = self.net.state_dict()
        differs = misfit_told(error)
        if differs is None:
            return None
        prefix = prefix_of(expected, state)
        fitting = [name for name, value in expected.items() if name in given and given[name].shape == value.shape]
        if prefix:
            remedy = resaving(str(self.path), self.letter, self.key, keys, prefix)
        elif self.resumes:
            remedy = 'resume with the networks of that run, or start a new one under another name'
        else:
            remedy = f'give network_{self.letter} the options that they were trained with'
            if fitting and self.strict is not False:
                remedy += f', or take those that fit: path.strict_load_{self.letter}: false'
        return CheckpointError(
            f'The weights do not fit the network: {self.path}',
            where=f'path.pretrain_network_{self.letter}',
            expected=f'weights of {type(self.net).__name__} as network_{self.letter} sets it',
            found=differs,
            remedy=remedy,
        )

    def report_partial(self) -> None:
        """Say how many weights were taken; raise where none was."""
        from basicsr.utils import get_root_logger

        from bsr_plugins.common.errors import CheckpointError
        from bsr_plugins.runs.given_weights import given_weights

        given, count = given_weights(self.net)
        if count and not given:
            raise CheckpointError(
                f'None of the weights fits the network: {self.path}',
                where=f'path.pretrain_network_{self.letter}',
                expected=f'weights of {type(self.net).__name__} as network_{self.letter} sets it',
                found='other names or other shapes, listed in the log above',
                remedy=f'name the weights that belong to it, or leave out pretrain_network_{self.letter}',
            )
        if given < count:
            get_root_logger().warning(
                f'{given:,} of the {count:,} weights of {type(self.net).__name__} come from {self.path}; '
                'the others keep their random start.'
            )

    def refuse_not_finite(self) -> None:
        """Raise where the network has weights now with which it puts out nothing but NaN."""
        import torch

        from bsr_plugins.common.errors import CheckpointError

        wrong = [name for name, weight in self.net.named_parameters() if not torch.isfinite(weight).all()]
        if wrong:
            raise CheckpointError(
                f'The weights are not finite: {self.path}',
                where=f'path.pretrain_network_{self.letter}',
                expected='numbers',
                found=f'NaN or infinity in {", ".join(wrong[:3])}' + (' and more' if len(wrong) > 3 else ''),
                remedy='resume from an older state, by path.resume_state' if self.resumes else 'name other weights',
            )

    def _content(self) -> Any:
        if not self._read:
            self._read.append(self._load())
        return self._read[0]

    def _load(self) -> Any:
        import torch

        from bsr_plugins.runs.checkpoint_files import UNREADABLE
        from bsr_plugins.runs.restricted_pickle import load_options

        try:
            return torch.load(str(self.path), map_location='cpu', **load_options(torch.load))
        except UNREADABLE:
            return None
