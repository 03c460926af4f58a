"""What the other rooms import of the settings, from `focusgen.config`."""

from focusgen.config.depth import DepthConfig as DepthConfig
from focusgen.config.files import dump as dump
from focusgen.config.files import from_document as from_document
from focusgen.config.files import load as load
from focusgen.config.files import parse_value as parse_value
from focusgen.config.files import read_yaml as read_yaml
from focusgen.config.graph import GRAPH as GRAPH
from focusgen.config.graph import SCENE_PHASES as SCENE_PHASES
from focusgen.config.graph import PhaseName as PhaseName
from focusgen.config.problems import keys_of_groups as keys_of_groups
from focusgen.config.problems import known_keys as known_keys
from focusgen.config.section import Section as Section
from focusgen.config.sections import Config as Config
from focusgen.config.sections import settings_for as settings_for
from focusgen.config.sections import unrecorded_defaults as unrecorded_defaults
from focusgen.config.shipped import CONFIG_DIR as CONFIG_DIR
from focusgen.config.shipped import shipped_names as shipped_names
