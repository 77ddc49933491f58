"""What the assistant does by itself, without a language model. See ``docs/skills.md`` for how to add more."""

from voice.skills.skill import Context, Reply, Skill, skill

__all__ = ["Context", "Reply", "Skill", "skill"]
