"""The mini: a small learned renderer. The fitted head moves every pixel exactly; what that cannot know is learned."""
