package main

import (
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// environment makes kong take the flags' variables from lookup instead of the
// process's own environment, so that tests can run side by side. An empty
// variable counts as unset, since Compose files leave such behind.
func environment(lookup func(string) (string, bool)) []kong.Option {
	variables := map[*kong.Value]string{} // of the flags that have one
	return []kong.Option{
		kong.PostBuild(func(k *kong.Kong) error {
			return kong.Visit(k.Model, func(node kong.Visitable, next kong.Next) error {
				if flag, ok := node.(*kong.Flag); ok && len(flag.Tag.Envs) > 0 {
					variables[flag.Value] = flag.Tag.Envs[0]
					flag.Tag.Envs = nil // else kong would look by itself
				}
				return next(nil)
			})
		}),
		kong.Resolvers(kong.ResolverFunc(func(ctx *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
			name := variables[flag.Value]
			if name == "" || lookup == nil || given(ctx, otherForm(flag.Name)) {
				return nil, nil
			}
			if value, _ := lookup(name); value != "" {
				return value, nil
			}
			return nil, nil
		})),
		kong.ValueFormatter(func(value *kong.Value) string {
			if name := variables[value]; name != "" {
				return value.Help + " ($" + name + ")"
			}
			return value.Help
		}),
	}
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
