# flake8: noqa
from .archs import *
from .data import *
from .losses import *
from .metrics import *
from .models import *
