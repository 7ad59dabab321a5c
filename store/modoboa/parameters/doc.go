// Package parameters knows Modoboa's settings: what its administrators set
// stands as JSON in core_localconfig._parameters, app by app, and what is not
// stored has the default of Modoboa's programs, which this package knows.
//
//	set, err := parameters.Read(ctx, d, d, parameters.Modoboa271, nil)
//	days := set.Number(parameters.LogMaximumAge)
//
// An app is stored when its settings are first saved, and then with all that
// the release of that day had: any app, and any parameter, may be missing. A
// value that is none of its kind is a [Problem], and the default is used. A
// parameter can also be set in vmapd's own file, which wins ([Overrides]);
// [Set.Values] says of each where it came from.
//
// A [Book] keeps the last good settings in memory and on disk.
//
// Sources: modoboa/*/app_settings.py (1.x) and modoboa/*/serializers.py (2.x) of
// the releases 1.10.0 to 2.9.3.
package parameters
