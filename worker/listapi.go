package worker

import (
	"context"
	"errors"
	"net/http"
	"time"

	"pilotsync/internal/serverpilot"
	"pilotsync/worker/listsync"
	"pilotsync/worker/registry"
)

// listAPI implements the sync's API with the client of the app's account, within its rate
// limit.
type listAPI struct {
	registry       *registry.Registry
	ambiguousWrite func() // called for each write of unknown outcome
	// read is called for each app that was read.
	read func(context.Context, serverpilot.App)
}

var _ listsync.API = listAPI{}

// Ready implements [listsync.API], for the read and the write together: no write waits after its
// read. An app that has its turn has it whatever it is for, see [syncHandler].
func (a listAPI) Ready(ctx context.Context, app string, begun bool) error {
	client, err := a.client(app)
	if err != nil {
		return err
	}
	if begun {
		return client.SyncReadyAgain(ctx, app)
	}
	return client.SyncReady(ctx, app, true)
}

// client returns the client of the app's account. There is none if the configuration was
// reloaded during a sync; nothing was sent then.
func (a listAPI) client(app string) (*registry.Client, error) {
	client, err := a.registry.Client(app)
	if err != nil {
		return nil, &listsync.CallError{Kind: listsync.Transient, Err: err}
	}
	return client, nil
}

// List implements [listsync.API].
func (a listAPI) List(ctx context.Context, app string) ([]string, error) {
	client, err := a.client(app)
	if err != nil {
		return nil, err
	}
	got, err := client.App(ctx, app)
	if err != nil {
		return nil, callError(err)
	}
	a.read(ctx, got)
	return got.Domains, nil
}

// Replace implements [listsync.API].
func (a listAPI) Replace(ctx context.Context, app string, names []string, notAfter time.Time) (listsync.Written, error) {
	client, err := a.client(app)
	if err != nil {
		return listsync.Written{}, err
	}
	answer, err := client.SetDomains(ctx, app, names, notAfter)
	if err != nil {
		if failed := serverpilot.AsError(err); failed != nil && failed.Kind == serverpilot.WriteUnknown {
			a.ambiguousWrite()
		}
		return listsync.Written{}, callError(err)
	}
	return listsync.Written{Names: answer.Domains, ActionID: answer.ActionID}, nil
}

// callError converts an error of the client for the sync.
func callError(err error) error {
	var failed *serverpilot.Error
	if !errors.As(err, &failed) {
		return err
	}
	kind := listsync.Transient
	switch failed.Kind {
	case serverpilot.WriteUnknown:
		kind = listsync.WriteUnknown
	case serverpilot.Blocked:
		kind = listsync.Blocked
	case serverpilot.RequestRefused:
		kind = listsync.ListRefused
	}
	// A gateway's 409 has no message of ServerPilot's, and says nothing of a name.
	conflict := failed.Status == http.StatusConflict && failed.Message != ""
	return &listsync.CallError{Kind: kind, Conflict: conflict, Message: failed.Message, RetryAfter: failed.RetryAfter, Err: err}
}
