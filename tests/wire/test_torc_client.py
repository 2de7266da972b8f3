"""torc's published Python client drives a workflow from its creation to its end."""

from __future__ import annotations

from typing import TypeVar

import pytest
from torc.api import create_jobs, iter_documents, make_api
from torc.openapi_client import DefaultApi
from torc.openapi_client.exceptions import ApiException
from torc.openapi_client.models.compute_node_model import ComputeNodeModel
from torc.openapi_client.models.compute_nodes_resources import ComputeNodesResources
from torc.openapi_client.models.file_model import FileModel
from torc.openapi_client.models.job_model import JobModel
from torc.openapi_client.models.job_status import JobStatus
from torc.openapi_client.models.resource_requirements_model import ResourceRequirementsModel
from torc.openapi_client.models.result_model import ResultModel
from torc.openapi_client.models.user_data_model import UserDataModel
from torc.openapi_client.models.workflow_model import WorkflowModel

from tests.server_process import ServerProcess

T = TypeVar("T")


@pytest.fixture
def api(shared_server: ServerProcess) -> DefaultApi:
    """torc's client."""
    return make_api(shared_server.url)


def given(value: T | None) -> T:
    """A field of a model, all of which may be missing."""
    assert value is not None
    return value


@pytest.fixture
def workflow_id(api: DefaultApi) -> int:
    """A workflow of three jobs: `second` reads what `first` writes, `third` depends on `second`."""
    workflow = api.create_workflow(WorkflowModel(name="by torc's client", user="me"))
    assert workflow.id is not None
    between = api.create_file(FileModel(workflow_id=workflow.id, name="between", path="between.txt"))
    data = api.create_user_data(UserDataModel(workflow_id=workflow.id, name="numbers", data={"n": [1, 2]}))
    small = api.create_resource_requirements(
        ResourceRequirementsModel(
            workflow_id=workflow.id, name="small", num_cpus=1, num_gpus=0, num_nodes=1, memory="1g", runtime="PT1M"
        )
    )
    first, second = create_jobs(
        api,
        [
            JobModel(workflow_id=workflow.id, name="first", command="true", output_file_ids=[given(between.id)],
                     input_user_data_ids=[given(data.id)]),
            JobModel(workflow_id=workflow.id, name="second", command="true", input_file_ids=[given(between.id)],
                     resource_requirements_id=small.id),
        ],
    )  # fmt: skip
    third = api.create_job(
        JobModel(workflow_id=workflow.id, name="third", command="true", depends_on_job_ids=[given(second.id)])
    )
    assert [first.status, second.status, third.status] == [JobStatus.UNINITIALIZED] * 3
    return workflow.id


def add_node(api: DefaultApi, workflow_id: int) -> int:
    """Register a compute node as torc's runner does."""
    node = api.create_compute_node(
        ComputeNodeModel(
            workflow_id=workflow_id, hostname="h", pid=1, start_time="2024-01-01T00:00:00Z", num_cpus=4, memory_gb=8.0,
            num_gpus=0, num_nodes=1, compute_node_type="local", is_active=True,
        )
    )  # fmt: skip
    assert node.id is not None
    return node.id


def run(api: DefaultApi, job: JobModel, node_id: int, status: JobStatus = JobStatus.COMPLETED) -> JobModel:
    """Start a claimed job and end it."""
    assert job.id is not None
    assert api.start_job(job.id, 0, node_id).status == JobStatus.RUNNING
    result = ResultModel(
        job_id=job.id, workflow_id=job.workflow_id, run_id=0, compute_node_id=node_id,
        return_code=0 if status == JobStatus.COMPLETED else 1, exec_time_minutes=0.1,
        completion_time="2024-01-01T00:01:00Z", status=status,
    )  # fmt: skip
    return api.complete_job(job.id, status, 0, result)


def test_a_workflow_runs_from_creation_to_completion(api: DefaultApi, workflow_id: int) -> None:
    api.initialize_jobs(workflow_id)
    node_id = add_node(api, workflow_id)
    free = ComputeNodesResources(num_cpus=4, memory_gb=8.0, num_gpus=0, num_nodes=1)

    (first,) = given(api.claim_next_jobs(workflow_id, limit=5).jobs)
    assert (first.name, first.status, len(given(first.output_file_ids))) == ("first", JobStatus.PENDING, 1)
    assert api.claim_next_jobs(workflow_id, limit=5).jobs == []
    run(api, first, node_id)
    (second,) = given(api.claim_jobs_based_on_resources(workflow_id, 4, free).jobs)
    assert second.name == "second"
    run(api, second, node_id)
    (third,) = given(api.claim_jobs_based_on_resources(workflow_id, 4, free).jobs)
    assert not api.is_workflow_complete(workflow_id).is_complete
    run(api, third, node_id)

    assert api.is_workflow_complete(workflow_id).is_complete
    assert [r.return_code for r in iter_documents(api.list_results, workflow_id)] == [0, 0, 0]
    assert {job.status for job in iter_documents(api.list_jobs, workflow_id)} == {JobStatus.COMPLETED}


def test_a_failure_cancels_what_depends_on_it_and_a_reset_runs_it_again(api: DefaultApi, workflow_id: int) -> None:
    api.initialize_jobs(workflow_id)
    node_id = add_node(api, workflow_id)
    (first,) = given(api.claim_next_jobs(workflow_id, limit=5).jobs)
    run(api, first, node_id, JobStatus.FAILED)

    by_name = {job.name: job.status for job in iter_documents(api.list_jobs, workflow_id)}
    assert by_name == {"first": JobStatus.FAILED, "second": JobStatus.CANCELED, "third": JobStatus.CANCELED}
    assert api.reset_job_status(workflow_id, failed_only=True).updated_count == 3
    api.initialize_jobs(workflow_id, only_uninitialized=True)
    assert [job.name for job in given(api.claim_next_jobs(workflow_id, limit=5).jobs)] == ["first"]


def test_lists_are_paged_sorted_and_filtered(api: DefaultApi, workflow_id: int) -> None:
    page = api.list_jobs(workflow_id, limit=2, sort_by="name", reverse_sort=True)
    assert ([job.name for job in page.items], page.total_count, page.has_more) == (["third", "second"], 3, True)
    assert [job.name for job in iter_documents(api.list_jobs, workflow_id)] == ["first", "second", "third"]
    (file,) = api.list_files(workflow_id, is_output=True).items
    assert [job.name for job in api.list_jobs(workflow_id, needs_file_id=file.id).items] == ["second"]
    (data,) = api.list_user_data(workflow_id, name="numb").items
    assert data.data == {"n": [1, 2]}
    assert {r.name for r in api.list_resource_requirements(workflow_id).items} == {"default", "small"}


def test_a_deleted_workflow_takes_everything_along(api: DefaultApi, workflow_id: int) -> None:
    (job_id, *_) = api.list_job_ids(workflow_id).job_ids
    assert api.delete_workflow(workflow_id).id == workflow_id
    for missing in (lambda: api.get_workflow(workflow_id), lambda: api.get_job(job_id)):
        with pytest.raises(ApiException) as refused:
            missing()
        assert refused.value.status == 404
