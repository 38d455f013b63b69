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
	Kind
	run func(*view) []Finding
}

// Kinds returns every kind, in the order of codes.
func Kinds() []Kind {
	var kinds []Kind
	for _, c := range checks() {
		kinds = append(kinds, c.Kind)
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
		{Kind{"HR001", Error, "field that is invalid"}, (*view).invalid},
		{Kind{"HR002", Error, "field that cannot be enforced"}, (*view).unsupported},
		{Kind{"HR003", Warning, "subject selects no pod"}, (*view).emptySubjects},
		{Kind{"HR004", Warning, "peer selects nothing"}, (*view).emptyPeers},
		{Kind{"HR005", Warning, "unknown namespace"}, (*view).unknownNamespaces},
		{Kind{"HR006", Warning, "two peers where one was probably meant"}, (*view).dashes},
		{Kind{"HR007", Warning, "Service port used as pod port"}, (*view).servicePorts},
		{Kind{"HR008", Info, "port that no selected pod declares"}, (*view).undeclaredPorts},
		{Kind{"HR009", Warning, "named port that no selected pod has"}, (*view).namedPorts},
		{Kind{"HR010", Warning, "egress without DNS"}, (*view).withoutDNS},
		{Kind{"HR011", Warning, "rule that an earlier rule shadows"}, (*view).shadowed},
		{Kind{"HR012", Info, "rule that another rule makes redundant"}, (*view).redundant},
		{Kind{"HR013", Warning, "equal priority, different actions"}, (*view).equalPriorities},
		{Kind{"HR014", Warning, "peer selects only hostNetwork pods"}, (*view).hostNetworkPeers},
		{Kind{"HR015", Warning, "subject selects only hostNetwork pods"}, (*view).hostNetworkSubjects},
		{Kind{"HR016", Warning, "ipBlock contains pods"}, (*view).podRanges},
		{Kind{"HR017", Warning, "ipBlock with nothing left in it"}, (*view).emptyBlocks},
		{Kind{"HR018", Warning, "every IPv4 address but no IPv6 address"}, (*view).oneFamily},
		{Kind{"HR019", Warning, "alpha policy in a namespace that is not isolated"}, (*view).notIsolated},
		{Kind{"HR020", Error, "isolation annotation is neither on nor off"}, (*view).isolationValues},
		{Kind{"HR021", Warning, "rules of a direction that policyTypes leaves out"}, (*view).ignoredRules},
		{Kind{"HR022", Info, "policy without effect"}, (*view).withoutEffect},
		{Kind{"HR023", Warning, "tier Admin denies DNS"}, (*view).adminDNS},
		{Kind{"HR024", Warning, "tier Admin denies everything to everybody"}, (*view).adminEverything},
		{Kind{"HR025", Info, "policy that isolates what is isolated anyway"}, (*view).doubleIsolation},
		{Kind{"HR026", Warning, "field with nothing in it that opens a rule"}, (*view).nothingWritten},
	}
}
