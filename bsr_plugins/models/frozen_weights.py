"""Weights of a network that a run reads and never trains: loaded, frozen, in none of its files, told when changed."""

from __future__ import annotations

import hashlib
from typing import Any, Dict, Mapping, NamedTuple, Optional

from basicsr.utils import get_root_logger
from torch import nn

from bsr_plugins.common.errors import CheckpointError
from bsr_plugins.models.part import pack_state


class FrozenWeights(NamedTuple):
    """What is said of such weights.

    Attributes:
        option: The option that names their file.
        owner: Whose weights they are, in words.
        files: What files are expected.
        origin: How to come by them.
        entry: Name of their digest in the training state.
        gives: What the run takes from the network, in one word.
    """

    option: str
    owner: str
    files: str
    origin: str
    entry: str
    gives: str

    def digest(self, *paths: str) -> str:
        """Return the SHA-256 of the files, one after the other.

        Raises:
            CheckpointError: One of them cannot be read.
        """
        digest = hashlib.sha256()
        for path in paths:
            try:
                with open(path, 'rb') as content:
                    for block in iter(lambda: content.read(2**20), b''):
                        digest.update(block)
            except OSError as error:
                raise CheckpointError(
                    f'the weights of {self.owner} are missing',
                    where=self.option,
                    expected=self.files,
                    found=f'{path}: {error.strerror}',
                    remedy=f'{self.origin}, or correct the path',
                ) from error
        return digest.hexdigest()

    def load(self, model: Any, net: nn.Module, path: str, key: str, section: str) -> None:
        """Load ``net``, the network of the options ``section``, and freeze it, in eval mode, on the model's device.

        Raises:
            CheckpointError: The weights are another network's, or the file holds none under ``key``.
        """
        try:
            model.load_network(net, path, True, key)
        except CheckpointError as error:
            if not str(error.where).startswith('path.pretrain_network'):
                raise
            # To load a part of them, or to train on with other options, is no way here.
            raise CheckpointError(
                error.problem,
                where=self.option,
                expected=f'weights of {section} as it is set here',
                found=error.found,
                remedy=f'give {section} the options of {self.owner}, or name the file of this network',
            ) from error
        net.requires_grad_(False).eval()
        model.engine.in_memory_format(net.to(model.device))

    def state(self, digest: Optional[str]) -> Dict[str, Any]:
        """Return the entry of the training state; empty in a run that reads no such weights."""
        return {} if digest is None else {self.entry: {'sha256': digest}}

    def tell_change(self, digest: Optional[str], resume_state: Mapping[str, Any]) -> None:
        """Say in the log where the files are others than those that the resumed run began with."""
        saved = (pack_state(resume_state) or {}).get(self.entry)
        if digest is not None and saved is not None and saved['sha256'] != digest:
            get_root_logger().warning(
                f'The weights of {self.owner} ({self.option}) are not those that this run began with: it goes on with '
                f'another {self.gives}.'
            )
