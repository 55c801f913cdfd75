"""What a file of weights tells of how it was made, where one recipe goes on from what another has left."""

from collections.abc import Mapping

SUMMED = ("minutes", "steps")


def after(before: Mapping, made: dict) -> dict:
    """What a recipe says of its file, with all that was said of the file it began with (`load_made`): recipes in their
    order, minutes and steps of all of them."""
    told = {name: before.get(name, 0) + made[name] for name in SUMMED if name in made}
    recipes = [story["recipe"] for story in (before, made) if "recipe" in story]
    return {**before, **made, **told, "recipe": "; ".join(recipes)}
