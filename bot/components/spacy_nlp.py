"""Rasa's SpacyNLP, with jieba taught before the entity rules are loaded.

The rules' phrases are cut into words when spaCy loads them; untaught, jieba cuts 愉快办 differently in a rule and in a
message, and the rule never matches. The name must stay SpacyNLP: Rasa finds the model's provider by it.
"""

from __future__ import annotations

from typing import Text

from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.nlu.utils import spacy_utils

from bot.components.entity_rules import load_patterns, teach_jieba


@DefaultV1Recipe.register(
    [DefaultV1Recipe.ComponentType.MODEL_LOADER, DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER],
    is_trainable=False,
    model_from="SpacyNLP",
)
class SpacyNLP(spacy_utils.SpacyNLP):
    """Loads the pipeline that `bot.components.entity_rules` saved."""

    @staticmethod
    def load_model(spacy_model_name: Text) -> spacy_utils.SpacyModel:
        """Teach jieba the domain's words, then load the pipeline."""
        teach_jieba(load_patterns())
        return spacy_utils.SpacyNLP.load_model(spacy_model_name)
