package main

import (
	"maps"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// environment gives kong the flags' variables from lookup instead of the process's
// own environment, so that tests can run side by side. An empty variable counts as
// unset, since Compose files leave such behind.
type environment struct {
	lookup    func(string) (string, bool)
	variables map[*kong.Value]string // of the flags that have one
}

func newEnvironment(lookup func(string) (string, bool)) *environment {
	return &environment{lookup: lookup, variables: map[*kong.Value]string{}}
}

// options are for kong.New. After it, the environment knows all variables.
func (e *environment) options() []kong.Option {
	return []kong.Option{
		kong.PostBuild(func(k *kong.Kong) error {
			return kong.Visit(k.Model, func(node kong.Visitable, next kong.Next) error {
				if flag, ok := node.(*kong.Flag); ok && len(flag.Tag.Envs) > 0 {
					e.variables[flag.Value] = flag.Tag.Envs[0]
					flag.Tag.Envs = nil // else kong would look by itself
				}
				return next(nil)
			})
		}),
		kong.Resolvers(kong.ResolverFunc(func(ctx *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
			name := e.variables[flag.Value]
			if name == "" || e.lookup == nil || given(ctx, otherForm(flag.Name)) {
				return nil, nil
			}
			if value, _ := e.lookup(name); value != "" {
				return value, nil
			}
			return nil, nil
		})),
		kong.ValueFormatter(func(value *kong.Value) string {
			if name := e.variables[value]; name != "" {
				return value.Help + " ($" + name + ")"
			}
			return value.Help
		}),
	}
}

// names are the variables of all commands, sorted, each once.
func (e *environment) names() []string {
	return slices.Compact(slices.Sorted(maps.Values(e.variables)))
}

// refuseUnknown refuses unknown settings where the command has settings at all.
func (e *environment) refuseUnknown(ctx *kong.Context, environ func() []string) error {
	reads := func(f *kong.Flag) bool { return e.variables[f.Value] != "" }
	if environ == nil || !slices.ContainsFunc(ctx.Flags(), reads) {
		return nil
	}
	if err := refuseUnknown(environ(), e.names()); err != nil {
		return usageError{err}
	}
	return nil
}

const fileForm = "-file"

// otherForm is the name of the flag that sets the same thing: a flag wins over
// the environment, whichever of the two forms each has.
func otherForm(flag string) string {
	if value, ok := strings.CutSuffix(flag, fileForm); ok {
		return value
	}
	return flag + fileForm
}

// given reports whether a flag stands on the command line.
func given(ctx *kong.Context, name string) bool {
	return slices.ContainsFunc(ctx.Path, func(p *kong.Path) bool {
		return p.Flag != nil && !p.Resolved && p.Flag.Name == name
	})
}
