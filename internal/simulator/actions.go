package simulator

import "time"

// action is the work of a server after a write.
type action struct {
	serverID string
	started  time.Time
	fails    bool
}

// answerWithAction is the answer to a write after which a server has work to do.
func (s *Simulator) answerWithAction(serverID string, data any) response {
	return s.answerWithFailingAction(serverID, data, s.faults.ActionError)
}

// answerWithFailingAction is answerWithAction with a probability that the action ends in an error.
func (s *Simulator) answerWithFailingAction(serverID string, data any, probability float64) response {
	id := newID()
	fails := probability > 0 && s.random.Float64() < probability
	s.actions[id] = action{serverID: serverID, started: s.opt.Now(), fails: fails}
	return response{data: data, actionID: id}
}

// readAction: an action is open until its delay is over, and as long as its server isn't
// connected.
func (s *Simulator) readAction(x *exchange) response {
	act, known := s.actions[x.id]
	if !known {
		return notFound("Action", x.id)
	}
	status := "success"
	srv := s.servers.get(act.serverID)
	switch {
	case srv != nil && !s.isConnected(srv), s.opt.Now().Sub(act.started) < s.opt.ActionDelay:
		status = "open"
	case act.fails:
		status = "error"
	}
	return response{data: map[string]any{
		"id": x.id, "serverid": act.serverID, "status": status, "datecreated": act.started.Unix(),
	}}
}
