// Package wpconfig reads constants out of a wp-config.php without running it. Its one idea: a
// value is taken only where it is certain that PHP would come to the same one. Anything else is
// refused with a word that says why.
//
// Certain are plain strings. A call such as getenv(), another constant, a concatenation or
// "$interpolation" are refused. So are two definitions of which PHP picks one as it runs. Files
// that the file includes are not read. No error of this package shows a value.
package wpconfig
