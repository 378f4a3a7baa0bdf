package main

// costMeasures are those of one worker's resources, and of the clients.
func costMeasures() []measure {
	return nil
}
