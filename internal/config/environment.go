package config

import (
	"maps"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// Environment gives kong the flags' variables from a function instead of the
// process's environment, so that tests can run in parallel. An empty variable
// counts as unset, since Compose files set such variables.
type Environment struct {
	lookup    func(string) (string, bool)
	variables map[*kong.Value]string // of the flags that have one
}

// NewEnvironment returns an environment of lookup, which may be nil for an empty one.
func NewEnvironment(lookup func(string) (string, bool)) *Environment {
	return &Environment{lookup: lookup, variables: map[*kong.Value]string{}}
}

// Options are for kong.New. After it, the environment knows all variables.
func (e *Environment) Options() []kong.Option {
	return []kong.Option{kong.PostBuild(e.takeVariables), kong.Resolvers(kong.ResolverFunc(e.resolve)), kong.ValueFormatter(e.help)}
}

// takeVariables removes the variables from kong's model: otherwise kong would read them.
func (e *Environment) takeVariables(k *kong.Kong) error {
	return kong.Visit(k.Model, func(node kong.Visitable, next kong.Next) error {
		if flag, ok := node.(*kong.Flag); ok && len(flag.Tag.Envs) > 0 {
			e.variables[flag.Value] = flag.Tag.Envs[0]
			flag.Tag.Envs = nil
		}
		return next(nil)
	})
}

func (e *Environment) resolve(ctx *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	name := e.variables[flag.Value]
	if name == "" || e.lookup == nil || onCommandLine(ctx, otherForm(flag.Name)) {
		return nil, nil
	}
	if value, _ := e.lookup(name); value != "" {
		return value, nil
	}
	return nil, nil
}

func (e *Environment) help(value *kong.Value) string {
	if name := e.variables[value]; name != "" {
		return value.Help + " ($" + name + ")"
	}
	return value.Help
}

// Names are the variables of all commands, sorted, each once.
func (e *Environment) Names() []string {
	return slices.Compact(slices.Sorted(maps.Values(e.variables)))
}

// RefuseUnknown refuses variables of environ that are named like settings but are none,
// if the command has settings at all. Its error is an [Error].
func (e *Environment) RefuseUnknown(ctx *kong.Context, environ []string) error {
	if !slices.ContainsFunc(ctx.Flags(), func(f *kong.Flag) bool { return e.variables[f.Value] != "" }) {
		return nil
	}
	return refuseUnknown(environ, e.Names())
}

const fileForm = "-file"

// otherForm returns the name of the other flag of a setting, with or without -file: a flag in
// either form wins over the environment.
func otherForm(flag string) string {
	if value, ok := strings.CutSuffix(flag, fileForm); ok {
		return value
	}
	return flag + fileForm
}

// onCommandLine reports whether a flag is on the command line.
func onCommandLine(ctx *kong.Context, name string) bool {
	return slices.ContainsFunc(ctx.Path, func(p *kong.Path) bool {
		return p.Flag != nil && !p.Resolved && p.Flag.Name == name
	})
}
