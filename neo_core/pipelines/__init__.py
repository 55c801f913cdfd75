"""The recipes that join the stages, each the whole product on one screen."""
