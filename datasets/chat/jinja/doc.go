// Package jinja runs the part of Jinja (https://jinja.palletsprojects.com/en/stable/templates/)
// that chat templates are written in, with the environment that transformers gives them
// (utils/chat_template_utils.py): trim_blocks and lstrip_blocks on, loop controls, the immutable
// sandbox, tojson without HTML escapes, raise_exception, strftime_now and {% generation %}.
//
// A template is untrusted. It sees only the values it is given, cannot change them, and is stopped
// when it takes too many steps, too much memory or too much output. Statements and filters that
// are not known are errors.
//
// Values are nil, bool, int64, float64, string, *List, *Dict, and things that a template makes
// itself (undefined, functions, namespaces). [From] and [FromJSON] make them.
package jinja
