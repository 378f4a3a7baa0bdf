// The bar that leads from a task in asynqmon to its domain.
