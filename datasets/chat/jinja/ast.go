package jinja

// Expressions.
type (
	expr interface{}

	literalExpr struct{ value any }
	nameExpr    struct{ name string }
	listExpr    struct {
		items []expr
		tuple bool
	}
	dictExpr struct{ keys, values []expr }
	attrExpr struct {
		of   expr
		name string
	}
	indexExpr struct{ of, index expr }
	sliceExpr struct{ start, stop, step expr } // only as an index
	callExpr  struct {
		fn   expr
		args arguments
	}
	filterExpr struct {
		of   expr // nil in {% filter %} and {% set %} blocks
		name string
		args arguments
		line int
	}
	testExpr struct {
		of     expr
		name   string
		args   arguments
		negate bool
		line   int
	}
	unaryExpr struct {
		op string
		of expr
	}
	binaryExpr struct {
		op          string
		left, right expr
	}
	// compareExpr is a chain: a < b < c.
	compareExpr struct {
		first expr
		ops   []string
		rest  []expr
	}
	condExpr struct{ test, then, otherwise expr } // otherwise may be nil
)

// arguments of a call, in the order written.
type arguments struct {
	positional []expr
	names      []string
	named      []expr
	star       expr // *args
	starStar   expr // **kwargs
}

// Statements.
type (
	stmt interface{}

	textStmt  struct{ text string }
	printStmt struct {
		of   expr
		line int
	}
	ifStmt struct {
		tests  []expr
		bodies [][]stmt
		other  []stmt
		line   int
	}
	forStmt struct {
		target    expr
		in        expr
		cond      expr // nil: none
		recursive bool
		body      []stmt
		other     []stmt
		line      int
	}
	setStmt struct {
		target expr
		value  expr
		line   int
	}
	setBlockStmt struct {
		target  expr
		filters []*filterExpr
		body    []stmt
		line    int
	}
	macroStmt struct {
		name     string
		params   []string
		defaults []expr // of the last len(defaults) params
		body     []stmt
		varargs  bool // the body uses varargs
		kwargs   bool // the body uses kwargs
		caller   bool // the body uses caller
	}
	callStmt struct {
		call   *callExpr
		caller *macroStmt
		line   int
	}
	filterStmt struct {
		filters []*filterExpr
		body    []stmt
		line    int
	}
	withStmt struct {
		targets []expr
		values  []expr
		body    []stmt
		line    int
	}
	generationStmt struct {
		body []stmt
		line int
	}
	breakStmt    struct{}
	continueStmt struct{}
)
