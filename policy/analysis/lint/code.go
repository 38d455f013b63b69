package lint

// Code names a check. It is stable: it is never given to another check.
type Code string

// Severity is how bad a finding is.
type Severity string

// The severities.
const (
	// Error: the policy does not do what is written in it.
	Error Severity = "error"
	// Warning: the policy very probably does not do what its author means.
	Warning Severity = "warning"
	// Info: it does, but something in it is superfluous or worth knowing.
	Info Severity = "info"
)

// Kind is a kind of findings.
type Kind struct {
	Code     Code
	Severity Severity
	// Title says in a few words what is found, such as "subject selects no pod".
	Title string
}

// check is one kind with the function that finds it.
type check struct {
	code     Code
	severity Severity
	title    string
	run      func(*view) []Finding
}

// Kinds returns every kind, in the order of codes.
func Kinds() []Kind {
	var kinds []Kind
	for _, c := range checks() {
		kinds = append(kinds, Kind{Code: c.code, Severity: c.severity, Title: c.title})
	}
	return kinds
}

// KindOf returns the kind of a code, and whether there is one.
func KindOf(code Code) (Kind, bool) {
	for _, k := range Kinds() {
		if k.Code == code {
			return k, true
		}
	}
	return Kind{}, false
}

// checks returns all checks. A code that was published stays with its check for ever.
func checks() []check {
	return []check{
		{"HR001", Error, "field that is invalid", (*view).invalid},
		{"HR002", Error, "field that cannot be enforced", (*view).unsupported},
		{"HR003", Warning, "subject selects no pod", (*view).emptySubjects},
		{"HR004", Warning, "peer selects nothing", (*view).emptyPeers},
		{"HR005", Warning, "unknown namespace", (*view).unknownNamespaces},
		{"HR006", Warning, "two peers where one was probably meant", (*view).dashes},
		{"HR007", Warning, "Service port used as pod port", (*view).servicePorts},
		{"HR008", Info, "port that no selected pod declares", (*view).undeclaredPorts},
		{"HR009", Warning, "named port that no selected pod has", (*view).namedPorts},
		{"HR010", Warning, "egress without DNS", (*view).withoutDNS},
		{"HR011", Warning, "rule that an earlier rule shadows", (*view).shadowed},
		{"HR012", Info, "rule that another rule makes redundant", (*view).redundant},
		{"HR013", Warning, "equal priority, different actions", (*view).equalPriorities},
		{"HR014", Warning, "peer selects only hostNetwork pods", (*view).hostNetworkPeers},
		{"HR015", Warning, "subject selects only hostNetwork pods", (*view).hostNetworkSubjects},
		{"HR016", Warning, "ipBlock contains pods", (*view).podRanges},
		{"HR017", Warning, "ipBlock with nothing left in it", (*view).emptyBlocks},
		{"HR018", Warning, "every IPv4 address but no IPv6 address", (*view).oneFamily},
		{"HR019", Warning, "alpha policy in a namespace that is not isolated", (*view).notIsolated},
		{"HR020", Error, "isolation annotation is neither on nor off", (*view).isolationValues},
		{"HR021", Warning, "rules of a direction that policyTypes leaves out", (*view).ignoredRules},
		{"HR022", Info, "policy without effect", (*view).withoutEffect},
		{"HR023", Warning, "tier Admin denies DNS", (*view).adminDNS},
		{"HR024", Warning, "tier Admin denies everything to everybody", (*view).adminEverything},
		{"HR025", Info, "policy that isolates what is isolated anyway", (*view).doubleIsolation},
	}
}
