package optim

import "github.com/cultivar/cultivar/trainer/ops"

// Group is parameters that are updated alike.
type Group struct {
	Params      []*ops.Param
	LRScale     float64 // multiplies the schedule's learning rate
	WeightDecay float64 // decoupled, AdamW's
}

// OneGroup updates all parameters alike.
func OneGroup(params []*ops.Param, weightDecay float64) []Group {
	return []Group{{Params: params, LRScale: 1, WeightDecay: weightDecay}}
}

// MatricesDecay does not decay vectors (the weights of norms), as is usual where a whole model is trained.
// Groups are runs of the parameters, whose order stays: the norm of the gradients is summed up in it.
func MatricesDecay(params []*ops.Param, weightDecay float64) []Group {
	var groups []Group
	for i, p := range params {
		if i == 0 || vector(p) != vector(params[i-1]) {
			groups = append(groups, Group{LRScale: 1})
			if !vector(p) {
				groups[len(groups)-1].WeightDecay = weightDecay
			}
		}
		last := &groups[len(groups)-1]
		last.Params = append(last.Params, p)
	}
	return groups
}

func vector(p *ops.Param) bool { return p.Rows == 1 }

// Params lists the parameters of groups in order.
func Params(groups []Group) []*ops.Param {
	var params []*ops.Param
	for _, g := range groups {
		params = append(params, g.Params...)
	}
	return params
}
