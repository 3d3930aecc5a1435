package layout

// line says what a package may import of ours.
type line struct {
	// pkg is a name or a pattern; a name goes before a pattern.
	pkg string
	// may are the names or patterns it may import.
	may []string
	// closed says that this holds for what those import in turn, too.
	closed bool
	// why is the reason that a failure gives.
	why string
}

func importTable() []line {
	return []line{
		{pkg: "payment", closed: true,
			why: "the domain imports nothing of ours, so that it can be read, tested and trusted alone"},
		{pkg: "payment/iso4217", closed: true,
			why: "the generator of the currency table is run by hand and is no part of the program"},
		{pkg: "retry", closed: true,
			why: "schedules are durations of age and attempt; they know no payment"},
		{pkg: "guard", closed: true,
			why: "it protects provider accounts and merchants' endpoints alike, so it knows neither"},
		{pkg: "secret", closed: true,
			why: "everybody may hold a secret, so it stands below everybody"},
		{pkg: "pause", closed: true,
			why: "it waits, whoever waits, so it knows nobody"},
		{pkg: "schematest", closed: true,
			why: "it compares types with stored bytes, whatever they are"},
		{pkg: "providers", may: []string{"payment", "secret"}, closed: true,
			why: "the port is what adapters see of us: the domain's words and no machinery"},
		{pkg: "providers/*", may: []string{"providers", "payment", "secret"}, closed: true,
			why: "an adapter turns one provider's words into ours; it sees no other adapter and none of what surrounds a call"},
		{pkg: "providers/catalog", may: []string{"providers", "providers/*", "payment", "secret"}, closed: true,
			why: "it only lists the adapters"},
		{pkg: "providers/providertest", may: []string{"providers", "payment", "secret", "sandbox", "sandbox/*"}, closed: true,
			why: "tests only: it judges an adapter by the simulator's ledger, so it sees both, and no adapter's tables"},
		{pkg: "notify", may: []string{"payment", "secret", "notify/webhook"}, closed: true,
			why: "it decides who is told what; sending it is the deliverer's work"},
		{pkg: "notify/endpoint", may: []string{"broker", "notify", "notify/webhook", "pause", "payment", "secret"}, closed: true,
			why: "it keeps endpoints and knows how they stand; it tells merchants nothing"},
		{pkg: "notify/webhook", may: []string{"secret"}, closed: true,
			why: "it knows URLs and bytes, no payments"},
		{pkg: "notify/webhook/webhooktest", closed: true,
			why: "it makes certificates for tests and knows no code of ours"},
		{pkg: "broker", may: []string{"payment", "secret"}, closed: true,
			why: "it keeps and moves messages and decides nothing about them"},
		{pkg: "broker/brokertest", may: []string{"broker", "secret"},
			why: "it starts real brokers for tests of any package"},
		{pkg: "consumer", may: []string{"pause", "payment", "retry", "guard", "broker", "providers", "notify", "notify/webhook", "secret"},
			why: "the loops take providers as values of the interface and settings as options; they don't choose, read or wire them"},
		{pkg: "fleet", may: []string{"broker", "guard", "pause"},
			why: "it carries how a tap stands from one worker to the others; it polls nothing"},
		{pkg: "invariant", may: []string{"payment"}, closed: true,
			why: "a judge must not be able to ask the code it judges"},
		{pkg: "health", may: []string{"broker", "consumer"},
			why: "it says in words what a worker found; it asks nobody and runs nothing"},
		{pkg: "history", may: []string{"broker", "invariant", "notify/endpoint", "payment"},
			why: "it reads the streams for a judge; whose work they show it need not know"},
		{pkg: "history/peers", may: []string{"invariant", "payment", "sandbox", "sandbox/*"},
			why: "it says in our words what simulated peers noted, and must share nothing with the adapters"},
		{pkg: "worker", may: []string{"payment", "retry", "guard", "broker", "providers", "notify", "notify/endpoint", "notify/webhook", "consumer", "fleet", "secret"},
			why: "the wiring takes options and providers as values, so that run, demo and tests wire the same worker"},
		{pkg: "ops", may: []string{"pause", "payment", "broker", "notify", "notify/webhook", "notify/endpoint", "secret"}, closed: true,
			why: "an operator needs a broker, and neither a worker nor a file"},
		{pkg: "audit", may: []string{"broker", "consumer", "invariant", "notify", "notify/endpoint", "payment", "retry"},
			why: "it proves what the streams hold by the judge's rules and asks the sweeper to mend; files, providers and endpoints' stores are its caller's"},
		{pkg: "broker/recovery", closed: true,
			why: "it is a measurement, test code only; its tests may see everything"},
		{pkg: "callback", may: []string{"providers", "consumer"},
			why: "it turns requests of strangers into hints; finding payments and making them due is the hinter's work"},
		{pkg: "config", may: []string{"payment", "retry", "guard", "broker", "providers", "providers/catalog", "notify", "notify/webhook", "notify/endpoint", "consumer", "worker", "secret"},
			why: "it turns a file into the options of the packages that own them; it runs nothing"},
		{pkg: "demo", may: []string{"payment", "retry", "guard", "broker", "providers", "providers/catalog", "notify", "notify/endpoint", "notify/webhook", "consumer", "worker", "history", "history/peers", "invariant", "sandbox", "sandbox/*", "secret"},
			why: "the demo shows the product as a program, without a file of settings"},
		{pkg: "sandbox", may: []string{"sandbox/*"}, closed: true,
			why: "a simulator that shared our code would hide our mistakes"},
		{pkg: "sandbox/*", may: []string{"sandbox/*"}, closed: true,
			why: "a simulator that shared our code would hide our mistakes"},
		{pkg: "simulation/wire", closed: true,
			why: "it is the links of a simulated world: bytes and connections, whoever uses them"},
		{pkg: "simulation/plant", closed: true,
			why: "it edits source text and knows no code"},
		{pkg: "simulation", may: []string{},
			why: "it is test code only; its tests may see everything"},
		{pkg: "layout", closed: true,
			why: "it is test code only"},
		{pkg: "configs", may: []string{},
			why: "it holds the documents for users and the tests that keep them true"},
		{pkg: "cmd/reconciler", may: []string{"*", "*/*"},
			why: "the command alone knows everything"},
	}
}

// reserve names packages, of ours or others', that only some may import.
type reserve struct {
	pkgs []string
	// ours says that pkgs are patterns of our names; else they are import paths
	// and all that lies below them.
	ours bool
	// by are the names or patterns of the only importers beside tests.
	by  []string
	why string
}

func reserves() []reserve {
	return []reserve{
		{pkgs: []string{"config"}, ours: true, by: []string{"cmd/reconciler"},
			why: "everything else takes options, so that it can be made without a file"},
		{pkgs: []string{"sandbox", "sandbox/*"}, ours: true, by: []string{"cmd/reconciler", "demo", "history/peers", "providers/providertest", "sandbox", "sandbox/*"},
			why: "what is judged must not share code with its judge"},
		{pkgs: []string{"broker/brokertest", "providers/providertest", "notify/webhook/webhooktest", "schematest", "simulation/*", "layout"}, ours: true,
			why: "it is for tests"},
		{pkgs: []string{"sandbox/sandboxtest"}, ours: true, by: []string{"providers/providertest"},
			why: "it is for tests"},
		{pkgs: []string{"testing", "net/http/httptest"}, by: []string{"broker/brokertest", "notify/webhook/webhooktest", "providers/providertest", "sandbox/sandboxtest", "schematest"},
			why: "test code, and its flags, would end up in the program"},
		{pkgs: []string{"github.com/nats-io"}, by: []string{"broker", "broker/brokertest", "fleet", "notify/endpoint", "ops", "consumer", "worker", "demo", "history", "audit", "cmd/reconciler"},
			why: "everything else must be testable without a broker"},
		{pkgs: []string{"github.com/sony/gobreaker"}, by: []string{"guard"},
			why: "a breaker is part of one tap, and guard owns the tap"},
	}
}

// ban keeps packages of others out of all that a package is built from.
type ban struct {
	in, out []string
	why     string
}

func bans() []ban {
	return []ban{
		{in: []string{"payment", "retry", "secret", "invariant"},
			out: []string{"net/http", "github.com/nats-io", "github.com/rs/zerolog"},
			why: "it is pure: no I/O, no log"},
		{in: []string{"guard", "notify", "notify/webhook", "sandbox", "sandbox/*"},
			out: []string{"github.com/nats-io"},
			why: "it must work, and be tested, without a broker"},
		{in: []string{"providers", "providers/*"},
			out: []string{"github.com/sony/gobreaker", "github.com/cenkalti/backoff", "github.com/nats-io", "github.com/rs/zerolog"},
			why: "an adapter that waits, tries again, counts or logs by itself would do it behind the back of those whose work that is"},
	}
}
