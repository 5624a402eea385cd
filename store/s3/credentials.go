package s3

import "github.com/minio/minio-go/v7/pkg/credentials"

// FoundCredentials says where credentials would come from, in the order in which [Open] looks, "" for
// nowhere;
// an instance's role is not asked for, since that takes the network.
func FoundCredentials() string {
	for _, p := range []struct {
		name     string
		provider credentials.Provider
	}{
		{"AWS_ACCESS_KEY_ID", &credentials.EnvAWS{}},
		{"MINIO_ACCESS_KEY or MINIO_ROOT_USER", &credentials.EnvMinio{}},
		{"AWS configuration files", &credentials.FileAWSCredentials{}},
	} {
		v, err := p.provider.RetrieveWithCredContext(&credentials.CredContext{})
		if err == nil && v.AccessKeyID != "" && v.SecretAccessKey != "" {
			return p.name
		}
	}
	return ""
}
