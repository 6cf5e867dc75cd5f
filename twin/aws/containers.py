"""ECS services: how they are deployed, which moto forgets. No task is started by one."""

from __future__ import annotations

from typing import Any

from moto.ecs.responses import EC2ContainerServiceResponse

_create = EC2ContainerServiceResponse.create_service
_FORGOTTEN = {
    "deploymentConfiguration": "deployment_configuration",
    "healthCheckGracePeriodSeconds": "health_check_grace_period_seconds",
    "enableECSManagedTags": "enable_ecs_managed_tags",
    "enableExecuteCommand": "enable_execute_command",
}


def _create_service(self: Any) -> Any:
    answer = _create(self)
    cluster, name = self._get_param("cluster", "default"), self._get_param("serviceName")
    service = self.ecs_backend.describe_services(cluster, [name])[0][0]
    for member, attribute in _FORGOTTEN.items():
        if (value := self._get_param(member)) is not None:
            setattr(service, attribute, value)
    return answer


def mend_services() -> None:
    EC2ContainerServiceResponse.create_service = _create_service  # type: ignore[method-assign]
